// The form of a page behind a link that works once: takes the token out of the address bar, checks every named field,
// sends them with one POST to the form's data-to.
import { at, language, post, say, startSpeaking } from "./page.js";

const SPANISH = {
  display_name: "Su nombre, tal como lo verán sus colegas",
  password: "Contraseña",
  again: "Contraseña, otra vez",
  show: "Mostrar las contraseñas",
};

// What only the script says.
const SAID = {
  en: {
    needed: "This is needed.",
    short: "A password has at least 15 characters.",
    long: "A password has at most 256 characters.",
    differs: "The two passwords are not the same.",
    correct: "Something needs correcting below.",
  },
  es: {
    needed: "Este dato es necesario.",
    short: "Una contraseña tiene al menos 15 caracteres.",
    long: "Una contraseña tiene como máximo 256 caracteres.",
    differs: "Las dos contraseñas no son iguales.",
    correct: "Hay algo que corregir más abajo.",
  },
};

const form = at("form");
const FIELDS = [...form.elements].map((element) => element.name).filter(Boolean); // what has no name is not sent
let token = "";

// -- what is wrong ------------------------------------------------------------------------------------------------------

function forget() {
  at("summary").textContent = "";
  for (const name of FIELDS) {
    at(`${name}-wrong`).textContent = "";
    form.elements[name].removeAttribute("aria-invalid");
  }
}

/** Say what is wrong, beside the fields where it has a place, and go to the first of them. */
function complain(summary, faults) {
  forget();
  const homeless = [];
  for (const { field, message } of faults) {
    if (FIELDS.includes(field)) {
      at(`${field}-wrong`).textContent = `${at(`${field}-wrong`).textContent} ${message}`.trim();
      form.elements[field].setAttribute("aria-invalid", "true");
    } else {
      homeless.push(message);
    }
  }
  at("summary").textContent = [summary, ...homeless].join(" ");
  const first = FIELDS.find((name) => form.elements[name].hasAttribute("aria-invalid"));
  (first ? form.elements[first] : at("summary")).focus();
}

function checked() {
  const faults = FIELDS.filter((name) => !form.elements[name].value.trim()).map((field) => ({ field, message: say("needed") }));
  const password = form.elements.password.value;
  const length = [...password].length; // characters as the service counts them, not UTF-16 halves
  if (password.trim() && length < 15) faults.push({ field: "password", message: say("short") });
  if (length > 256) faults.push({ field: "password", message: say("long") });
  if (form.elements.again.value.trim() && form.elements.again.value !== password) {
    faults.push({ field: "again", message: say("differs") });
  }
  return faults;
}

// -- sending ------------------------------------------------------------------------------------------------------------

function body() {
  const sent = FIELDS.filter((name) => name !== "again");
  const value = (name) => form.elements[name].value;
  return { token, ...Object.fromEntries(sent.map((name) => [name, name === "password" ? value(name) : value(name).trim()])) };
}

async function send() {
  const response = await post(form.dataset.to, body());
  if (response.ok) return null;
  const problem = await response.json().catch(() => ({}));
  const faults = (problem.errors || []).map(({ pointer, message }) => {
    const field = (pointer || "").split("/")[1];
    return { field, message: field === "token" ? say("link") : message };
  });
  return { summary: problem.detail || say("unexpected"), faults };
}

async function submit(event) {
  event.preventDefault();
  if (at("send").disabled) return;
  const faults = checked();
  if (faults.length) {
    complain(say("correct"), faults);
    return;
  }
  forget();
  at("send").disabled = true;
  at("progress").textContent = say("working");
  let refused;
  try {
    refused = await send();
  } catch {
    refused = { summary: say("lost"), faults: [] };
  }
  at("send").disabled = false;
  at("progress").textContent = "";
  if (refused) complain(refused.summary, refused.faults);
  else finish();
}

function finish() {
  token = "";
  form.reset(); // no password stays in the page
  form.hidden = true;
  at("done").hidden = false;
  at("done-heading").focus();
}

// -- beginning ----------------------------------------------------------------------------------------------------------

/** Take the token out of the address, so that it is neither seen over a shoulder nor copied along with it. */
function takeToken() {
  const given = location.hash.slice(1);
  if (given) {
    token = given;
    history.replaceState(null, "", location.pathname + location.search);
    at("done").hidden = true;
  }
  form.hidden = !token;
  at("no-token").hidden = Boolean(token) || !at("done").hidden;
}

function showPasswords() {
  for (const name of ["password", "again"]) form.elements[name].type = at("show").checked ? "text" : "password";
}

/** Open the form to whoever came by a link. `said`: link, working, lost, unexpected. */
export function openForm(spanish, said) {
  takeToken();
  window.addEventListener("hashchange", takeToken); // the link pasted into a page that is open already
  const both = { en: { ...SAID.en, ...said.en }, es: { ...SAID.es, ...said.es } };
  startSpeaking({ ...SPANISH, ...spanish }, both, forget);
  at("show").addEventListener("change", showPasswords);
  form.addEventListener("submit", submit);
}
