"""A problem as a page to read: what happened, why, an example, what to do."""

import re
from html import escape

from api.problems.table import PROBLEMS

_WORDS = {
    "en": {"status": "Status", "cause": "Why", "example": "An example", "fix": "What to do", "retry": "Trying again",
           "yes": "The same request may be sent again after a short wait.",
           "no": "Sending the same request again, unchanged, will hardly help.",
           "exit": "Leave this site quickly"},
    "es": {"status": "Estado", "cause": "Por qué", "example": "Un ejemplo", "fix": "Qué hacer",
           "retry": "Intentarlo de nuevo",
           "yes": "La misma solicitud se puede enviar otra vez tras una breve espera.",
           "no": "Enviar otra vez la misma solicitud sin cambios difícilmente servirá.",
           "exit": "Salir rápido de este sitio"},
}  # fmt: skip


def page(code: str, language: str) -> str:
    """Make the whole page of a known problem; it needs no script. Every word is escaped, ours too."""
    problem, words = PROBLEMS[code], _WORDS[language]
    title = escape(problem.title[language])
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title} · Waypost</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/page.css">
</head>
<body>
<main>
<p class="code">{words["status"]} {problem.status} · <code>{escape(code)}</code></p>
<h1>{title}</h1>
<p class="lead">{_marked(problem.detail[language])}</p>
<h2>{words["cause"]}</h2>
<p>{_marked(problem.cause[language])}</p>
<h2>{words["fix"]}</h2>
<p>{_marked(problem.fix[language])}</p>
<h2>{words["retry"]}</h2>
<p>{words["yes" if problem.retryable else "no"]}</p>
<h2>{words["example"]}</h2>
<pre lang="en"><code>{escape(problem.example)}</code></pre>
<p><a href="/exit" rel="noreferrer">{words["exit"]}</a></p>
</main>
</body>
</html>
"""


def _marked(text: str) -> str:
    """Escape a text; what stands between `backticks` becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
