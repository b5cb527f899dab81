"""The words for one wrong member: ours by rule, pydantic's by group, never with anything that was sent."""

import re
from collections.abc import Iterator

from models.errors import Fault

#: Texts with `{limit}` have it filled in; a part in [brackets] is left out when there is no limit to tell.
_OURS: dict[str, tuple[str, str]] = {
    "body-unexpected": (
        "This request takes no body. Send it without one.",
        "Esta solicitud no lleva cuerpo. Envíela sin él.",
    ),
    "content": (
        "Something in this text does not follow the rules for templates.",
        "Algo en este texto no sigue las reglas de las plantillas.",
    ),
    "cover-times": (
        "A cover begins today or later and lasts 60 days at most.",
        "Una suplencia empieza hoy o después y dura como máximo 60 días.",
    ),
    "covers-herself": (
        "Somebody else has to look after her clients.",
        "Tiene que ocuparse de sus casos otra persona.",
    ),
    "current-version": (
        "Somebody changed this in the meantime.[ It is now at version {limit}.]",
        "Alguien lo cambió mientras tanto.[ Ahora está en la versión {limit}.]",
    ),
    "cursor-invalid": (
        "This cursor does not belong to this list. Start again from the first page.",
        "Este cursor no pertenece a esta lista. Empiece de nuevo por la primera página.",
    ),
    "day": (
        "A day needs the form 2027-01-31.",
        "Un día se escribe con la forma 2027-01-31.",
    ),
    "day-range": (
        "A day lies between the years 1900 and 2200.",
        "Un día tiene que estar entre los años 1900 y 2200.",
    ),
    "does-not-see-client": (
        "This person does not work with this client. Choose somebody who does.",
        "Esta persona no trabaja con este caso. Elija a alguien que sí.",
    ),
    "explanation-short": (
        "Say in a sentence what happened and what is needed: 20 characters at least.",
        "Diga en una frase qué pasó y qué se necesita: 20 caracteres como mínimo.",
    ),
    "idempotency-key-form": (
        "Send one Idempotency-Key of 1 to 255 visible ASCII characters, without spaces.",
        "Envíe una sola Idempotency-Key de 1 a 255 caracteres ASCII visibles, sin espacios.",
    ),
    "instant": (
        "A time needs the form 2027-01-31T09:30:00Z, with Z or an offset.",
        "Una hora se escribe con la forma 2027-01-31T09:30:00Z, con Z o con la diferencia horaria.",
    ),
    "instant-range": (
        "A time lies between the years 1900 and 2200.",
        "Una hora tiene que estar entre los años 1900 y 2200.",
    ),
    "end-past": (
        "This end would be over already. Choose a later one.",
        "Este fin ya habría pasado. Elija uno posterior.",
    ),
    "network": (
        "A network has the form 203.0.113.0/24 or 2001:db8::/32, without bits behind the mask.",
        "Una red se escribe con la forma 203.0.113.0/24 o 2001:db8::/32, sin bits tras la máscara.",
    ),
    "external-id-twice": (
        "The same id stands here twice. Name it once.",
        "El mismo identificador aparece dos veces. Indíquelo una vez.",
    ),
    "item-twice": (
        "An item is named twice. Put its changes together.",
        "Un elemento aparece dos veces. Reúna sus cambios.",
    ),
    "key-or-title": (
        "Give either a key of the template or a title of your own, not both and not neither.",
        "Indique una clave de la plantilla o un título propio: una de las dos cosas, no ambas.",
    ),
    "issuer": (
        "An issuer is an https address, exactly as the provider writes it in its own metadata.",
        "Un emisor es una dirección https, tal como el proveedor la escribe en sus metadatos.",
    ),
    "language-not-available": (
        "The template is not written in this language. Choose another language or another template.",
        "La plantilla no existe en este idioma. Elija otro idioma u otra plantilla.",
    ),
    "malformed-json": (
        "The body is not JSON as accepted here.",
        (
            "El cuerpo no es JSON tal como se acepta aquí: texto UTF-8 bien formado, con 32 niveles como máximo, sin "
            "nombres repetidos ni números fuera de rango."
        ),
    ),
    "name-needed": (
        "A client needs an alias or a legal name. One of the two is enough.",
        "Hace falta un alias o un nombre legal. Con uno de los dos basta.",
    ),
    "name-without-letters": (
        "A name needs at least one letter or digit.",
        "Un nombre necesita al menos una letra o cifra.",
    ),
    "not-a-factor": (
        "This tells of no second factor.",
        "Esto no indica ningún segundo factor.",
    ),
    "not-a-volunteer": (
        "This person is not an active volunteer of this agency. Choose somebody who is.",
        "Esta persona no es voluntaria activa de esta organización. Elija a otra.",
    ),
    "not-assigned": (
        "This person is not assigned to this client.",
        "Esta persona no tiene asignado este caso.",
    ),
    "one-proof": (
        "Send either `totp_code` or `recovery_code`.",
        "Envíe `totp_code` o `recovery_code`, uno de los dos.",
    ),
    "password-breached": (
        "This password is on lists of stolen ones. Choose another.",
        "Esta contraseña está en listas de contraseñas robadas. Elija otra.",
    ),
    "password-guessable": (
        (
            "This password is mostly a name that is easy to guess: yours, your agency's, your address's or Waypost's. "
            "Choose another."
        ),
        (
            "Esta contraseña es casi toda un nombre fácil de adivinar: el suyo, el de su organización, el de su correo "
            "o Waypost. Elija otra."
        ),
    ),
    "password-long": (
        "A password has at most 256 characters (1,024 bytes).",
        "Una contraseña tiene como máximo 256 caracteres (1.024 bytes).",
    ),
    "password-same": (
        "The new password is the one you have now. Choose another.",
        "La contraseña nueva es la misma que la actual. Elija otra.",
    ),
    "password-short": (
        "A password has at least 15 characters. Several words in a row are easy to remember.",
        "Una contraseña tiene al menos 15 caracteres. Varias palabras seguidas son fáciles de recordar.",
    ),
    "repeated-parameter": (
        "This parameter may be given only once.",
        "Este parámetro solo se puede indicar una vez.",
    ),
    "release-over": (
        "This release would be over already: it ends in the past, or 90 days after it was signed when no end is given.",
        "Esta autorización ya habría terminado: su fin ha pasado, o a los 90 días de la firma si no se indica un fin.",
    ),
    "no-integration": (
        "No integration has this recipient and purpose. Take both over from GET /v1/release-recipients, word for word.",
        "Ninguna integración tiene este destinatario y esta finalidad. Cópielos de GET /v1/release-recipients.",
    ),
    "release-too-long": (
        "A release lasts a year from the day it was signed at most. Choose an earlier end.",
        "Una autorización dura como máximo un año desde el día en que se firmó. Elija un fin anterior.",
    ),
    "same-person": (
        "She cannot be handed to whom she is taken from.",
        "El caso no puede pasar a la misma persona que lo entrega.",
    ),
    "several-assigned": (
        "Several people are assigned to this client. Say who hands her over.",
        "Varias personas tienen asignado este caso. Diga quién lo entrega.",
    ),
    "secret-too-long": (
        "A secret lasts a year at most. Choose an earlier end.",
        "Un secreto dura como máximo un año. Elija un fin anterior.",
    ),
    "signed-ahead": (
        "This day has not come yet. A release is signed before it is recorded.",
        "Este día todavía no ha llegado. Una autorización se firma antes de registrarla.",
    ),
    "takes-no-clients": (
        "This person is not an active advocate or supervisor, so cannot take this on. Choose somebody else.",
        "Esta persona no trabaja ahora en atención directa ni en supervisión y no puede encargarse. Elija a otra.",
    ),
    "text-blank": (
        "This must not be blank.",
        "Esto no puede quedar en blanco.",
    ),
    "text-characters": (
        "This text holds control or invisible characters, which have no place here. Type it anew instead of pasting.",
        (
            "Este texto contiene caracteres de control o invisibles, que aquí no se admiten. Escríbalo de nuevo en vez "
            "de pegarlo."
        ),
    ),
    "text-lines": (
        "This has to stay on one line, without tabs.",
        "Esto tiene que caber en una sola línea, sin tabulaciones.",
    ),
    "time-zone": (
        "This is not an IANA time zone such as America/New_York.",
        "Esto no es una zona horaria IANA, como America/New_York.",
    ),
    "totp-code": (
        "This is not the code the app shows now. Check that the phone sets its clock by itself.",
        "Este no es el código que muestra ahora la aplicación. Revise que el teléfono ajuste solo su hora.",
    ),
    "unknown-jurisdiction": (
        "There is no jurisdiction of this name here. One looks like us-ct.",
        "Aquí no existe ninguna jurisdicción con ese nombre. Uno válido se parece a us-ct.",
    ),
    "unknown-parameter": (
        "There is no such parameter.[ Did you mean {limit}?]",
        "No existe ese parámetro.[ ¿Quiso decir {limit}?]",
    ),
    "unknown-section": (
        "There is no such section here.",
        "Aquí no existe esa sección.",
    ),
    "unknown-team": (
        "There is no such team at this agency.",
        "No hay tal equipo en esta organización.",
    ),
    "unknown-template": (
        "There is no such template.",
        "No existe esa plantilla.",
    ),
    "unknown-user": (
        "There is no such person at this agency.",
        "No hay ninguna persona así en esta organización.",
    ),
    "unknown-plan": (
        "There is no such plan of this client.",
        "No existe ese plan de esta persona.",
    ),
    "unknown-version": (
        "There is no such published version.",
        "No existe esa versión publicada.",
    ),
    "use-closure": (
        "A case is closed with PUT …/closure, which asks for the reason.",
        "Un caso se cierra con PUT …/closure, donde se indica el motivo.",
    ),
    "use-completion": (
        "An item is ticked with PUT …/completion, and unticked with DELETE.",
        "Un elemento se marca como hecho con PUT …/completion y se desmarca con DELETE.",
    ),
}

#: What pydantic-core can say. Its own words are not used: some repeat what was sent, some speak of Python.
_PYDANTIC: dict[str, tuple[str, str]] = {
    "missing missing-argument missing-keyword-only-argument missing-positional-only-argument": (
        "This is needed and was not sent.",
        "Este dato es necesario y no se envió.",
    ),
    "extra-forbidden unexpected-keyword-argument unexpected-positional-argument": (
        "There is no such member here. Check the spelling, or leave it out.",
        "Aquí no existe ese dato. Revise cómo está escrito o quítelo.",
    ),
    "frozen-field frozen-instance": (
        "This cannot be changed.",
        "Esto no se puede cambiar.",
    ),
    "nobody-named": (
        "Say who takes over or covers: nobody was wished for.",
        "Diga quién continúa o suple: no se propuso a nadie.",
    ),
    "none-required": (
        "This has to be null.",
        "Esto tiene que ser null.",
    ),
    "json-invalid json-type": (
        "This is not well-formed JSON.",
        "Esto no es JSON bien formado.",
    ),
    "recursion-loop recursion-depth-exceeded": (
        "This is nested too deeply.",
        "Esto tiene demasiados niveles, uno dentro de otro.",
    ),
    "invalid-key": (
        "The names in an object have to be text.",
        "Los nombres dentro de un objeto tienen que ser texto.",
    ),
    "model-type model-attributes-type dataclass-type dataclass-exact-type dict-type frozen-dict-type "
    "ordered-dict-type counter-type mapping-type": (
        "This has to be an object: names and values in braces.",
        "Esto tiene que ser un objeto: nombres y valores entre llaves.",
    ),
    "named-tuple-type list-type deque-type tuple-type set-type frozen-set-type iterable-type iteration-error": (
        "This has to be a list, in square brackets.",
        "Esto tiene que ser una lista, entre corchetes.",
    ),
    "set-item-not-hashable": (
        "A list of distinct values cannot hold lists or objects.",
        "Una lista de valores distintos no puede contener listas ni objetos.",
    ),
    "too-short": (
        "This list has too few entries.[ It needs at least {limit}.]",
        "Esta lista tiene muy pocos elementos.[ Necesita al menos {limit}.]",
    ),
    "too-long": (
        "This list has too many entries.[ It may have at most {limit}.]",
        "Esta lista tiene demasiados elementos.[ Puede tener como máximo {limit}.]",
    ),
    "string-type": (
        "This has to be text, in quotation marks.",
        "Esto tiene que ser texto, entre comillas.",
    ),
    "string-unicode string-not-ascii": (
        "This text holds characters that are not accepted here.",
        "Este texto contiene caracteres que aquí no se admiten.",
    ),
    "string-too-short": (
        "This text is too short.[ It needs {limit} or more characters.]",
        "Este texto es demasiado corto.[ Necesita {limit} caracteres o más.]",
    ),
    "string-too-long": (
        "This text is too long.[ It may have at most {limit} characters.]",
        "Este texto es demasiado largo.[ Puede tener como máximo {limit} caracteres.]",
    ),
    "string-pattern-mismatch": (
        "This does not have the expected form. The description of the API shows an example.",
        "Esto no tiene la forma esperada. La descripción de la API muestra un ejemplo.",
    ),
    "enum literal-error": (
        "This is not one of the possible values.[ It may be {limit}.]",
        "Este no es uno de los valores posibles.[ Puede ser {limit}.]",
    ),
    "union-tag-invalid union-tag-not-found": (
        "This does not say which of the possible kinds it is.",
        "Esto no indica cuál de los tipos posibles es.",
    ),
    "bool-type bool-parsing": (
        "This has to be true or false.",
        "Esto tiene que ser true o false.",
    ),
    "int-type int-parsing int-from-float": (
        "This has to be a whole number.",
        "Esto tiene que ser un número entero.",
    ),
    "int-parsing-size": (
        "This number is too large.",
        "Este número es demasiado grande.",
    ),
    "float-type float-parsing decimal-type decimal-parsing fraction-type fraction-parsing complex-type "
    "complex-str-parsing": (
        "This has to be a number.",
        "Esto tiene que ser un número.",
    ),
    "finite-number": (
        "This has to be a finite number.",
        "Esto tiene que ser un número finito.",
    ),
    "decimal-max-digits decimal-max-places decimal-whole-digits": (
        "This number has too many digits.",
        "Este número tiene demasiadas cifras.",
    ),
    "multiple-of": (
        "This number does not fit the steps that are possible.",
        "Este número no se ajusta a los pasos posibles.",
    ),
    "greater-than": (
        "This is too small.[ It has to be more than {limit}.]",
        "Este valor es demasiado pequeño.[ Tiene que ser mayor que {limit}.]",
    ),
    "greater-than-equal": (
        "This is too small.[ It has to be {limit} or more.]",
        "Este valor es demasiado pequeño.[ Tiene que ser {limit} o más.]",
    ),
    "less-than": (
        "This is too large.[ It has to be less than {limit}.]",
        "Este valor es demasiado grande.[ Tiene que ser menor que {limit}.]",
    ),
    "less-than-equal": (
        "This is too large.[ It has to be {limit} or less.]",
        "Este valor es demasiado grande.[ Tiene que ser {limit} o menos.]",
    ),
    "bytes-type bytes-invalid-encoding": (
        "This has to be data in the expected encoding.",
        "Esto tiene que ser un dato en la codificación esperada.",
    ),
    "bytes-too-short": (
        "This is too little data.",
        "Son muy pocos datos.",
    ),
    "bytes-too-long": (
        "This is too much data.",
        "Son demasiados datos.",
    ),
    "date-type date-parsing date-from-datetime-parsing date-from-datetime-inexact": (
        "This has to be a day such as 2027-01-31.",
        "Esto tiene que ser un día, como 2027-01-31.",
    ),
    "time-type time-parsing": (
        "This has to be a time of day such as 09:30.",
        "Esto tiene que ser una hora del día, como 09:30.",
    ),
    "datetime-type datetime-parsing datetime-object-invalid datetime-from-date-parsing timezone-aware": (
        "This has to be a time such as 2027-01-31T09:30:00Z, with Z or an offset.",
        "Esto tiene que ser una fecha con hora, como 2027-01-31T09:30:00Z, con Z o con la diferencia horaria.",
    ),
    "date-past datetime-past": (
        "This has to lie in the past.",
        "Esto tiene que estar en el pasado.",
    ),
    "date-future datetime-future": (
        "This has to lie in the future.",
        "Esto tiene que estar en el futuro.",
    ),
    "timezone-naive": (
        "This time is written without a zone.",
        "Esta hora se escribe sin zona horaria.",
    ),
    "timezone-offset": (
        "This time has another offset than the one expected.",
        "Esta hora tiene una diferencia horaria distinta de la esperada.",
    ),
    "time-delta-type time-delta-parsing": (
        "This has to be a duration such as P8W.",
        "Esto tiene que ser una duración, como P8W.",
    ),
    "url-type url-parsing url-syntax-violation url-too-long url-scheme": (
        "This has to be a complete web address, not too long.",
        "Esto tiene que ser una dirección web completa y no demasiado larga.",
    ),
    "uuid-type uuid-parsing uuid-version": (
        "This has to be an id as the service gave it: a UUID.",
        "Esto tiene que ser un identificador tal como lo dio el servicio: un UUID.",
    ),
    "value-error assertion-error default-factory-not-called get-attribute-error no-such-attribute "
    "needs-python-object is-instance-of is-subclass-of callable-type arguments-type multiple-argument-values "
    "missing-sentinel-error ellipsis-error": (
        "This value is not accepted here. The description of the API says what is.",
        "Este valor no se admite aquí. La descripción de la API indica cuál sí.",
    ),
}

_UNKNOWN = "Esto no cumple una de las reglas. La descripción de la API indica cuáles son."
_OPTIONAL = re.compile(r"\[(.*?)\]")
#: The message already says which of several things is wrong, in English.
_SAID_ALREADY = frozenset({"content", "malformed-json"})


def _pairs() -> Iterator[tuple[str, tuple[str, str]]]:
    yield from _OURS.items()
    for codes, texts in _PYDANTIC.items():
        yield from ((code, texts) for code in codes.split())


FAULTS: dict[str, dict[str, str]] = {code: {"en": en, "es": es} for code, (en, es) in sorted(_pairs())}


def spoken_fault(fault: Fault, language: str) -> str:
    """Say what is wrong with one member, in one sentence or two."""
    if language == "en" and fault.message and (fault.code in _SAID_ALREADY or fault.code not in FAULTS):
        return fault.message
    text = FAULTS.get(fault.code, {}).get(language, _UNKNOWN if language == "es" else "This breaks a rule.")
    limit = fault.message if "{limit}" in text else ""
    if language == "es":
        limit = limit.replace(" or ", " o ")  # pydantic lists possible values as 'a', 'b' or 'c'
    return _OPTIONAL.sub(r"\1" if limit else "", text).replace("{limit}", limit)
