// The set-up page: takes the token out of the address bar, checks the form, founds the agency with one POST.
"use strict";

const SPANISH = {
  page: "Configurar Waypost",
  heading: "Configurar Waypost",
  no_token:
    "Esta página se abre con el enlace de instalación que apareció al instalar Waypost. El enlace sirve una sola vez, " +
    "durante 30 minutos. Ábralo de nuevo o pida otro a quien instaló Waypost.",
  intro:
    "Aquí se crean su organización y su primera cuenta de administración: la suya. Todos los datos son necesarios. " +
    "El enlace sirve una sola vez, durante 30 minutos. Si recarga esta página, abra el enlace de nuevo.",
  agency: "Su organización",
  agency_name: "Nombre de la organización",
  time_zone: "Zona horaria",
  time_zone_hint: "Las revisiones vencen según este reloj.",
  agency_language: "Idioma de la organización",
  jurisdiction: "Lugar donde trabaja la organización",
  jurisdiction_hint:
    "De esto dependen el número de emergencias, la línea de ayuda y los nombres de las órdenes judiciales que muestran los planes.",
  ireland: "Irlanda (ie)",
  admin: "Su acceso",
  display_name: "Su nombre, tal como lo verán sus colegas",
  email: "Correo electrónico",
  email_hint: "Con él inicia sesión.",
  password: "Contraseña",
  password_hint:
    "De 15 a 256 caracteres. Varias palabras seguidas son fáciles de recordar. No puede ser una contraseña robada ya " +
    "conocida ni estar hecha de su nombre o del de la organización.",
  again: "Contraseña, otra vez",
  show: "Mostrar las contraseñas",
  send: "Configurar",
  done: "Su organización está lista.",
  sign_in: "Ahora inicie sesión con su correo y su contraseña:",
  factor:
    "Lo demás se abre cuando haya configurado un segundo factor. Con el código de acceso de la respuesta y una aplicación " +
    "de autenticación en un teléfono, que lee la imagen y muestra seis dígitos:",
  codes: "Anote los diez códigos de recuperación de esa respuesta y guárdelos lejos del teléfono.",
  docs: "Todo lo demás está descrito, para leer y probar, en",
  link_used: "El enlace de instalación ya cumplió su función y no abre nada más.",
};

// What only the script says.
const SAID = {
  en: {
    needed: "This is needed.",
    short: "A password has at least 15 characters.",
    long: "A password has at most 256 characters.",
    differs: "The two passwords are not the same.",
    correct: "Something needs correcting below.",
    link: "The set-up link is not whole. Open it again exactly as it was shown.",
    working: "Setting up …",
    lost:
      "No answer came, so it is not certain whether it worked. Send the form once more; if the link is then refused, try to " +
      "sign in: the agency may be there already.",
    unexpected: "The service gave an answer this page does not understand. Tell whoever installed Waypost.",
    other: "English",
  },
  es: {
    needed: "Este dato es necesario.",
    short: "Una contraseña tiene al menos 15 caracteres.",
    long: "Una contraseña tiene como máximo 256 caracteres.",
    differs: "Las dos contraseñas no son iguales.",
    correct: "Hay algo que corregir más abajo.",
    link: "El enlace de instalación no está completo. Ábralo de nuevo tal como apareció.",
    working: "Configurando…",
    lost:
      "No llegó respuesta y no es seguro que haya funcionado. Envíe el formulario otra vez; si entonces se rechaza el enlace, " +
      "pruebe a iniciar sesión: quizá la organización ya exista.",
    unexpected: "El servicio dio una respuesta que esta página no entiende. Avise a quien instaló Waypost.",
    other: "Español",
  },
};

const at = (id) => document.getElementById(id);
const form = at("setup");
const FIELDS = ["agency_name", "time_zone", "language", "jurisdiction", "display_name", "email", "password", "again"];
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

// -- time zones ---------------------------------------------------------------------------------------------------------

function offerZones() {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const known = Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : ["America/New_York", "Europe/Dublin"];
  const regions = new Map();
  for (const zone of [...new Set([...known, here, "UTC"])].sort()) {
    const region = zone.includes("/") ? zone.split("/")[0] : "…";
    if (!regions.has(region)) {
      regions.set(region, document.createElement("optgroup"));
      regions.get(region).label = region;
    }
    regions.get(region).append(new Option(zone, zone, zone === here, zone === here));
  }
  form.elements.time_zone.replaceChildren(...regions.values());
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
  if (password.trim() && length < 15) faults.push({ field: "password", message: SAID[language].short });
  if (length > 256) faults.push({ field: "password", message: SAID[language].long });
  if (form.elements.again.value.trim() && form.elements.again.value !== password) {
    faults.push({ field: "again", message: SAID[language].differs });
  }
  return faults;
}

// -- sending ------------------------------------------------------------------------------------------------------------

async function send() {
  const value = (name) => form.elements[name].value;
  const response = await fetch(new URL("v1/setup", document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "Accept-Language": language },
    body: JSON.stringify({
      token,
      agency_name: value("agency_name").trim(),
      time_zone: value("time_zone"),
      language: value("language"),
      jurisdiction: value("jurisdiction"),
      email: value("email").trim(),
      display_name: value("display_name").trim(),
      password: value("password"),
    }),
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
  });
  if (response.status === 201) return null;
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
offerZones();
speak((navigator.language || "en").toLowerCase().startsWith("es") ? "es" : "en");
form.elements.language.value = language;
at("language").hidden = false;
at("language").addEventListener("click", () => speak(language === "es" ? "en" : "es"));
at("show").addEventListener("change", showPasswords);
form.addEventListener("submit", submit);
