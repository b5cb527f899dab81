// Goes to the identity provider and comes back: what the browser kept is given back with the code, once.
// The agency's link is <origin>/sso#<agency id>. Nothing is sent anywhere but to this service.
import { at, post, say, startSpeaking } from "./page.js";

const SPANISH = {
  page: "Iniciar sesión",
  heading: "Iniciar sesión",
  no_agency: "Esta página se abre con el enlace de acceso de su organización. Ábralo de nuevo o pídalo en su trabajo.",
  intro:
    "Usted inicia sesión donde lo hace su organización y vuelve aquí. Tiene diez minutos para hacerlo, en este mismo navegador.",
  begin: "Ir al acceso de su organización",
  done: "Ha iniciado sesión.",
  factor: "Antes de lo demás, aquí también se pide un segundo factor: vea /docs, en «sign-in».",
  token: "Su código de acceso, válido durante diez minutos",
  token_hint: "Quien lo tenga puede actuar como usted. Cierre esta página cuando lo haya copiado.",
};

// What only the script says.
const SAID = {
  en: {
    elsewhere: "This did not begin in this browser, or its ten minutes are over. Begin again.",
    declined: "Your organization's sign-in let nobody in. Begin again.",
    working: "One moment …",
    lost: "The service did not answer. Begin again.",
  },
  es: {
    elsewhere: "Esto no empezó en este navegador o ya pasaron los diez minutos. Empiece de nuevo.",
    declined: "El acceso de su organización no dejó entrar a nadie. Empiece de nuevo.",
    working: "Un momento…",
    lost: "El servicio no respondió. Empiece de nuevo.",
  },
};

const KEPT = "waypost.sso"; // what this browser keeps while it is away: state, secret, agency
const AGENCY = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
let agency = "";

/** Offer to begin, with what went wrong before, if anything did. */
function offer(wrong = "") {
  at("progress").textContent = "";
  at("begin").disabled = false;
  at("ready").hidden = !agency;
  at("no-agency").hidden = Boolean(agency);
  at("summary").textContent = wrong;
  if (wrong && agency) at("summary").focus();
}

class Refused extends Error {}

async function asked(path, body) {
  const answer = await post(path, body);
  if (answer.status === 404) throw new Refused(at("no-agency").textContent.trim()); // no agency's, or switched off there
  const told = await answer.json();
  if (!answer.ok) throw new Refused(told.detail || told.title);
  return told;
}

const why = (error) => (error instanceof Refused ? error.message : say("lost"));

async function begin() {
  if (at("begin").disabled) return;
  at("begin").disabled = true;
  at("progress").textContent = say("working");
  try {
    const begun = await asked("v1/sso/authorization", { agency });
    sessionStorage.setItem(KEPT, JSON.stringify({ state: begun.state, browser_secret: begun.browser_secret, agency }));
    location.assign(begun.authorization_url);
  } catch (error) {
    offer(why(error));
  }
}

async function finish(query) {
  const { agency: whose = "", ...kept } = JSON.parse(sessionStorage.getItem(KEPT) || "{}");
  sessionStorage.removeItem(KEPT);
  // The code leaves the address line and the history before anything else happens.
  history.replaceState(null, "", location.pathname);
  agency = whose;
  if (!kept.state || kept.state !== query.get("state") || !query.get("code")) {
    offer(query.has("error") ? say("declined") : say("elsewhere"));
    return;
  }
  const body = { code: query.get("code"), ...kept };
  if (query.get("iss")) body.iss = query.get("iss");
  at("progress").textContent = say("working");
  try {
    finished(await asked("v1/sso/sessions", body));
  } catch (error) {
    offer(why(error));
  }
}

function finished(told) {
  at("progress").textContent = "";
  at("token").value = told.access_token;
  at("factor").hidden = !told.second_factor_enrolment_required;
  at("done").hidden = false;
  at("done-heading").focus();
}

function start() {
  const query = new URLSearchParams(location.search);
  if (query.has("state") || query.has("error")) {
    finish(query);
    return;
  }
  const given = location.hash.slice(1).toLowerCase();
  agency = AGENCY.test(given) ? given : "";
  offer();
}

startSpeaking(SPANISH, SAID, () => {
  at("summary").textContent = "";
});
at("begin").addEventListener("click", begin);
window.addEventListener("hashchange", start); // the link pasted into a page that is open already
start();
