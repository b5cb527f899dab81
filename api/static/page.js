// What the pages with a script share: one language at a time, and asking the service. A page gives its words: `spanish`
// for what its HTML says in English (by data-say), `said` for what only scripts say (by language).

export const at = (id) => document.getElementById(id);

const spoken = [...document.querySelectorAll("[data-say]")];
const english = new Map(spoken.map((element) => [element, element.textContent]));
let words = null;

export let language = "en";

/** What only scripts say, in the language spoken now. */
export const say = (key) => words.said[language][key];

function speak(wanted) {
  language = wanted;
  document.documentElement.lang = wanted;
  for (const element of spoken) {
    element.textContent = wanted === "es" ? words.spanish[element.dataset.say] : english.get(element);
  }
  at("language").textContent = wanted === "es" ? "English" : "Español";
  at("language").lang = wanted === "es" ? "en" : "es";
  words.unsay(); // what is said of what went wrong was said in the other language
}

/** Speak the browser's language, and offer the other. `unsay` takes back what the page says went wrong. */
export function startSpeaking(spanish, said, unsay) {
  words = { spanish, said, unsay };
  speak((navigator.language || "en").toLowerCase().startsWith("es") ? "es" : "en");
  at("language").hidden = false;
  at("language").addEventListener("click", () => speak(language === "es" ? "en" : "es"));
}

/** The service's response. Rejects when none came. */
export function post(path, body) {
  return fetch(new URL(path, document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "Accept-Language": language },
    body: JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
    referrerPolicy: "no-referrer",
  });
}
