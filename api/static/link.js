// The pages behind a link (/welcome, /reset): take the token out of the address bar, check the form, send it with one POST.
"use strict";

const SPANISH = {
  welcome_page: "Bienvenida",
  welcome_heading: "Elija su contraseña para entrar",
  welcome_intro:
    "Alguien de su trabajo le abrió una cuenta. El enlace sirve una sola vez, durante 72 horas. Si recarga esta página, abra " +
    "el enlace de nuevo.",
  welcome_next:
    "La primera vez configurará un segundo factor: tenga lista en el teléfono una aplicación de autenticación. Mejor en un " +
    "teléfono del trabajo que en uno que revise otra persona.",
  reset_page: "Contraseña nueva",
  reset_heading: "Elija una contraseña nueva",
  reset_intro:
    "El enlace sirve una sola vez, durante 30 minutos. Después se cierran todas sus sesiones. Si recarga esta página, abra el " +
    "enlace de nuevo.",
  reset_next: "Se pide su segundo factor como siempre.",
  no_token: "Esta página se abre con el enlace que usted recibió. Ábralo de nuevo o pida otro.",
  display_name: "Su nombre, tal como lo verán sus colegas",
  password: "Contraseña",
  password_hint:
    "De 15 a 256 caracteres. Varias palabras seguidas son fáciles de recordar. No puede ser una contraseña robada ya " +
    "conocida ni estar hecha de su nombre o del de su trabajo.",
  again: "Contraseña, otra vez",
  show: "Mostrar las contraseñas",
  send: "Guardar",
  done: "Listo. Ahora inicie sesión con su correo y su contraseña.",
  link_used: "El enlace ya cumplió su función y no abre nada más. Puede cerrar esta página.",
};

// What only the script says.
const SAID = {
  en: {
    needed: "This is needed.",
    short: "A password has at least 15 characters.",
    long: "A password has at most 256 characters.",
    differs: "The two passwords are not the same.",
    correct: "Something needs correcting below.",
    link: "The link is not whole. Open it again exactly as you received it.",
    working: "Saving …",
    lost:
      "No answer came, so it is not certain whether it worked. Send the form once more; if the link is then refused, try to " +
      "sign in with the new password.",
    unexpected: "The service gave an answer this page does not understand. Tell whoever sent you the link.",
    other: "English",
  },
  es: {
    needed: "Este dato es necesario.",
    short: "Una contraseña tiene al menos 15 caracteres.",
    long: "Una contraseña tiene como máximo 256 caracteres.",
    differs: "Las dos contraseñas no son iguales.",
    correct: "Hay algo que corregir más abajo.",
    link: "El enlace no está completo. Ábralo de nuevo tal como lo recibió.",
    working: "Guardando…",
    lost:
      "No llegó respuesta y no es seguro que haya funcionado. Envíe el formulario otra vez; si entonces se rechaza el enlace, " +
      "pruebe a iniciar sesión con la contraseña nueva.",
    unexpected: "El servicio dio una respuesta que esta página no entiende. Avise a quien le envió el enlace.",
    other: "Español",
  },
};

const at = (id) => document.getElementById(id);
const form = at("link");
const FIELDS = ["display_name", "password", "again"].filter((name) => form.elements[name]);
const LENGTH = [15, 256];
let token = "";
let language = "en";

// -- language -----------------------------------------------------------------------------------------------------------

const spoken = [...document.querySelectorAll("[data-say]")];
const english = new Map(spoken.map((element) => [element, element.textContent]));

function speak(wanted) {
  language = wanted;
  document.documentElement.lang = wanted;
  for (const element of spoken) {
    element.textContent = wanted === "es" ? SPANISH[element.dataset.say] : english.get(element);
  }
  const other = wanted === "es" ? "en" : "es";
  at("language").textContent = SAID[other].other;
  at("language").lang = other;
  forget(); // what is said about the form was said in the other language
}

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
  const faults = FIELDS.filter((name) => !form.elements[name].value.trim()).map((field) => ({ field, message: SAID[language].needed }));
  const password = form.elements.password.value;
  const length = [...password].length; // characters as the service counts them, not UTF-16 halves
  if (password.trim() && length < LENGTH[0]) faults.push({ field: "password", message: SAID[language].short });
  if (length > LENGTH[1]) faults.push({ field: "password", message: SAID[language].long });
  if (form.elements.again.value.trim() && form.elements.again.value !== password) {
    faults.push({ field: "again", message: SAID[language].differs });
  }
  return faults;
}

// -- sending ------------------------------------------------------------------------------------------------------------

async function send() {
  const body = { token, password: form.elements.password.value };
  if (form.elements.display_name) body.display_name = form.elements.display_name.value.trim();
  const response = await fetch(new URL(form.dataset.to, document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "Accept-Language": language },
    body: JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
  });
  if (response.ok) return null;
  const problem = await response.json().catch(() => ({}));
  const faults = (problem.errors || []).map(({ pointer, message }) => {
    const field = (pointer || "").split("/")[1];
    return { field, message: field === "token" ? SAID[language].link : message };
  });
  return { summary: problem.detail || SAID[language].unexpected, faults };
}

async function submit(event) {
  event.preventDefault();
  if (at("send").disabled) return;
  const faults = checked();
  if (faults.length) {
    complain(SAID[language].correct, faults);
    return;
  }
  forget();
  at("send").disabled = true;
  at("progress").textContent = SAID[language].working;
  let refused;
  try {
    refused = await send();
  } catch {
    refused = { summary: SAID[language].lost, faults: [] };
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

takeToken();
window.addEventListener("hashchange", takeToken); // the link pasted into a page that is open already
speak((navigator.language || "en").toLowerCase().startsWith("es") ? "es" : "en");
at("language").hidden = false;
at("language").addEventListener("click", () => speak(language === "es" ? "en" : "es"));
at("show").addEventListener("change", showPasswords);
form.addEventListener("submit", submit);
