// The set-up page: its words, and the time zones to choose from. The form founds the agency.
import { openForm } from "./form.js";
import { at, language } from "./page.js";

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
  email: "Correo electrónico",
  email_hint: "Con él inicia sesión.",
  password_hint:
    "De 15 a 256 caracteres. Varias palabras seguidas son fáciles de recordar. No puede ser una contraseña robada ya " +
    "conocida ni estar hecha de su nombre o del de la organización.",
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
    link: "The set-up link is not whole. Open it again exactly as it was shown.",
    working: "Setting up …",
    lost:
      "No answer came, so it is not certain whether it worked. Send the form once more; if the link is then refused, try to " +
      "sign in: the agency may be there already.",
    unexpected: "The service gave an answer this page does not understand. Tell whoever installed Waypost.",
  },
  es: {
    link: "El enlace de instalación no está completo. Ábralo de nuevo tal como apareció.",
    working: "Configurando…",
    lost:
      "No llegó respuesta y no es seguro que haya funcionado. Envíe el formulario otra vez; si entonces se rechaza el enlace, " +
      "pruebe a iniciar sesión: quizá la organización ya exista.",
    unexpected: "El servicio dio una respuesta que esta página no entiende. Avise a quien instaló Waypost.",
  },
};

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
  at("time_zone").replaceChildren(...regions.values());
}

offerZones();
openForm(SPANISH, SAID);
at("agency_language").value = language;
