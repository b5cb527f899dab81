// Goes to the identity provider and comes back: what the browser kept is given back with the code, once.
// The agency's link is <origin>/sso#<agency id>. Nothing is sent anywhere but to this service.
"use strict";
const KEPT = "waypost.sso";
const say = (text) => { document.getElementById("said").textContent = text; };
const query = new URLSearchParams(location.search);
const agency = location.hash.slice(1);

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer",
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail || told.title);
  return told;
}

async function begin() {
  const begun = await post("v1/sso/authorization", { agency });
  sessionStorage.setItem(KEPT, JSON.stringify({ state: begun.state, browser_secret: begun.browser_secret }));
  location.assign(begun.authorization_url);
}

async function finish() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
  sessionStorage.removeItem(KEPT);
  // The code leaves the address line and the history before anything else happens.
  history.replaceState(null, "", location.pathname);
  if (!kept || kept.state !== query.get("state") || !query.get("code")) {
    say("This did not begin in this browser, or it is over. Begin again. / Esto no empezó en este navegador o ya venció. Empiece de nuevo.");
    return;
  }
  const body = { code: query.get("code"), ...kept };
  if (query.get("iss")) body.iss = query.get("iss");
  const told = await post("v1/sso/sessions", body);
  document.getElementById("token").value = told.access_token;
  document.getElementById("done").hidden = false;
}

if (query.has("state") || query.has("error")) {
  finish().catch((error) => say(error.message));
} else if (/^[0-9a-f-]{36}$/.test(agency)) {
  const button = document.getElementById("begin");
  button.hidden = false;
  button.addEventListener("click", () => begin().catch((error) => say(error.message)));
} else {
  say("Open the sign-in link of your agency. / Abra el enlace de acceso de su organización.");
}
