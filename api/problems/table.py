"""Every problem the service answers with: status, words in both languages, and whether trying again can help."""

import json
from dataclasses import dataclass
from http import HTTPStatus

LANGUAGES = ("en", "es")
Pair = tuple[str, str]


@dataclass(frozen=True)
class Problem:
    """One kind of refusal. The texts are by language; `detail` says what happened and what to do next."""

    status: int
    title: dict[str, str]
    detail: dict[str, str]
    cause: dict[str, str]
    fix: dict[str, str]
    retryable: bool
    example: str


PROBLEMS: dict[str, Problem] = {}


def _problem(
    status: int,
    code: str,
    title: Pair,
    detail: Pair,
    cause: Pair,
    fix: Pair,
    *,
    request: str,
    errors: tuple[tuple[str, str, str], ...] = (),
    retryable: bool = False,
) -> None:
    body: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": title[0],
        "status": status,
        "code": code,
        "detail": detail[0],
        "instance": "urn:waypost:request:5f0c2b7e9d1a4c38",
        "request_id": "5f0c2b7e9d1a4c38",
        "retryable": retryable,
    }
    if errors:
        body["errors"] = [{"pointer": pointer, "code": rule, "message": text} for pointer, rule, text in errors]
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\nContent-Type: application/problem+json"
    example = f"{request}\n\n{head}\n\n{json.dumps(body, indent=2, ensure_ascii=False)}"
    PROBLEMS[code] = Problem(
        status, _by_language(title), _by_language(detail), _by_language(cause), _by_language(fix), retryable, example
    )


def _by_language(texts: Pair) -> dict[str, str]:
    return dict(zip(LANGUAGES, texts, strict=True))


_CLIENT = "/v1/clients/8c1f0a52-6f0e-4d0b-9a37-2d5b1c7e4f10"
_PLAN = "/v1/plans/3b9d7c64-12ab-4e5f-8c90-6a7b8c9d0e1f"
_ITEM = "/v1/checklist-items/a4d2e6f8-0b1c-4d3e-9f5a-7b8c9d0e1f2a"
_REVIEW = "/v1/reviews/d7e8f9a0-b1c2-4d3e-8f4a-5b6c7d8e9f0a"
_TEMPLATE = "/v1/templates/6e5d4c3b-2a19-4f8e-9d7c-6b5a49382716"
_DESTRUCTION = "/v1/destructions/0c9d8e7f-6a5b-4c3d-9e2f-1a0b9c8d7e6f"
_HOLD = "/v1/legal-holds/4e3d2c1b-0a9f-4e8d-b7c6-5a4b3c2d1e0f"
_RESET = "/v1/second-factor-resets/2b3c4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d6e"
_WALL = "/v1/walls/9b8a7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d"
_SECTION = "/v1/plan-sections/3b9d7c64-12ab-4e5f-8c90-6a7b8c9d8001"
_GLASS = "/v1/break-glass/2f7e6d5c-4b3a-4a29-9817-06f5e4d3c2b1"
_USER = "/v1/users/1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"

# -- 400: what was sent cannot be read ---------------------------------------------------------------------------------

_problem(
    400,
    "bad-request",
    ("The request cannot be read", "No se puede leer la solicitud"),
    (
        (
            "The service could not make sense of this request. Check the address and the headers against the "
            "description of the API."
        ),
        (
            "El servicio no pudo entender esta solicitud. Compare la dirección y los encabezados con la descripción de "
            "la API."
        ),
    ),
    (
        "Something about the request itself, not about its content, is not as HTTP or this service expects it.",
        "Algo de la solicitud misma, no de su contenido, no es como lo esperan HTTP o este servicio.",
    ),
    (
        (
            "Compare the request with the example at /docs. When another program sent it, tell the people who look "
            "after that program the request id."
        ),
        (
            "Compare la solicitud con el ejemplo en /docs. Si la envió otro programa, dé el request_id a quienes lo "
            "mantienen."
        ),
    ),
    request="GET /v1/me\n(with headers that HTTP does not allow)",
)
_problem(
    400,
    "malformed-json",
    ("The body is not JSON", "El cuerpo no es JSON"),
    (
        "The body of this request could not be read as JSON, so nothing was done. `errors` says what is wrong with it.",
        "El cuerpo de esta solicitud no se pudo leer como JSON y no se hizo nada. En `errors` se indica qué falla.",
    ),
    (
        (
            "Bodies are UTF-8 JSON without a byte order mark, nested at most 32 levels, with no name twice in one "
            "object, no NaN or Infinity and no numbers out of range. Programs read anything else in different ways."
        ),
        (
            "Los cuerpos son JSON en UTF-8, sin marca de orden de bytes, con 32 niveles como máximo, sin nombres "
            "repetidos en un objeto, sin NaN ni Infinity y sin números fuera de rango. Lo demás cada programa lo lee a "
            "su manera."
        ),
    ),
    (
        "Make the body with a JSON library rather than by hand, and send it as UTF-8.",
        "Genere el cuerpo con una biblioteca de JSON, no a mano, y envíelo en UTF-8.",
    ),
    request='POST /v1/clients\nContent-Type: application/json\n\n{"alias": "Robin",}',
    errors=(("", "malformed-json", "The body is not well-formed JSON."),),
)

# -- 401: nobody we know, or no longer ---------------------------------------------------------------------------------

_problem(
    401,
    "unauthenticated",
    ("Please sign in", "Inicie sesión"),
    (
        "This request came without a valid sign-in. Sign in and send it again.",
        "Esta solicitud llegó sin un inicio de sesión válido. Inicie sesión y envíela de nuevo.",
    ),
    (
        "The Authorization header is missing, is not a Bearer token, or holds a token this service did not issue.",
        "El encabezado Authorization falta, no es un token Bearer o lleva un token que este servicio no emitió.",
    ),
    (
        "Get a token with POST /v1/sessions and send it as `Authorization: Bearer …`.",
        "Obtenga un token con POST /v1/sessions y envíelo como `Authorization: Bearer …`.",
    ),
    request="GET /v1/caseload",
)
_problem(
    401,
    "token-expired",
    ("The access token has run out", "El token de acceso venció"),
    (
        "Your access token has run out. Get a fresh one with your refresh token, then send the request again.",
        "Su token de acceso venció. Obtenga uno nuevo con el token de renovación y envíe la solicitud otra vez.",
    ),
    (
        "Access tokens live for minutes only, so that a stolen one is of little use.",
        "Los tokens de acceso duran solo unos minutos, para que uno robado sirva de poco.",
    ),
    (
        "POST /v1/sessions/refresh with the refresh token; if that is refused too, sign in again.",
        "Use POST /v1/sessions/refresh con el token de renovación; si también se rechaza, inicie sesión de nuevo.",
    ),
    request="GET /v1/me\nAuthorization: Bearer eyJ…",
)
_problem(
    401,
    "session-ended",
    ("The session has ended", "La sesión terminó"),
    (
        "This session is over. Sign in again to go on.",
        "Esta sesión ya terminó. Inicie sesión de nuevo para continuar.",
    ),
    (
        (
            "A session ends when somebody signs out or ends it, after a time without use, after its longest life, when "
            "the password is changed elsewhere, when the person is suspended, or when a refresh token is used a second "
            "time."
        ),
        (
            "Una sesión termina cuando alguien la cierra, tras un tiempo sin uso, al cumplir su duración máxima, al "
            "cambiar la contraseña en otro lugar, si se suspende a la persona o si un token de renovación se usa por "
            "segunda vez."
        ),
    ),
    (
        (
            "Sign in with POST /v1/sessions. If you did not end it and are not sure who did, change your password and "
            "tell your agency admin."
        ),
        (
            "Inicie sesión con POST /v1/sessions. Si no la cerró usted y no sabe quién fue, cambie la contraseña y "
            "avise a quien administra su organización."
        ),
    ),
    request='POST /v1/sessions/refresh\nContent-Type: application/json\n\n{"refresh_token": "…"}',
)
_problem(
    401,
    "invalid-credentials",
    ("The sign-in did not work", "No se pudo iniciar sesión"),
    (
        "E-mail address and password do not fit together. Check both and try again, or ask your agency admin for help.",
        (
            "El correo y la contraseña no coinciden. Revise ambos e inténtelo de nuevo, o pida ayuda a quien "
            "administra su organización."
        ),
    ),
    (
        (
            "The address is unknown, the password is wrong, the person may not sign in at present, or her agency signs "
            "in at its identity provider only. The answer is the same for all, so that nobody can find out who works "
            "here."
        ),
        (
            "El correo no se conoce, la contraseña no es correcta, la persona no puede entrar por ahora o su "
            "organización entra solo por su proveedor de identidad. La respuesta es la misma en todos los casos, para "
            "que nadie averigüe quién trabaja aquí."
        ),
    ),
    (
        (
            "Check the keyboard language and the Caps Lock key. If you have forgotten the password, your agency admin "
            "can ask whoever runs Waypost for a one-time password."
        ),
        (
            "Revise el idioma del teclado y la tecla de mayúsculas. Si olvidó la contraseña, quien administra su "
            "organización puede pedir una de un solo uso a quien mantiene Waypost."
        ),
    ),
    request='POST /v1/sessions\nContent-Type: application/json\n\n{"email": "ana@harbor.example", "password": "…"}',
)
_problem(
    401,
    "second-factor-required",
    ("Your second factor is needed too", "También hace falta su segundo factor"),
    (
        "The password is right. Sign in again with the six digits your authenticator app shows now.",
        "La contraseña es correcta. Entre de nuevo con los seis dígitos que muestra ahora su aplicación.",
    ),
    (
        "A second factor is set up for this sign-in, and none was sent. That one is needed is told only here.",
        "Este acceso tiene un segundo factor y no se envió ninguno. Solo aquí se dice que hace falta.",
    ),
    (
        (
            "Send the same again with `totp_code`. Who has lost the app sends one of the ten recovery codes as "
            "`recovery_code`, or asks an agency admin for a reset."
        ),
        (
            "Envíe lo mismo con `totp_code`. Quien perdió la aplicación envía uno de los diez códigos de recuperación "
            "como `recovery_code`, o pide un restablecimiento a quien administra."
        ),
    ),
    request='POST /v1/sessions\nContent-Type: application/json\n\n{"email": "ana@harbor.example", "password": "…"}',
)
_problem(
    401,
    "second-factor-wrong",
    ("The code is not right", "El código no es correcto"),
    (
        "This code is wrong, too old, or was used already. Wait for the next one and sign in again.",
        "Este código no es correcto, es demasiado viejo o ya se usó. Espere el siguiente y entre de nuevo.",
    ),
    (
        "A code is good for its half minute, the one before and the one after, and once. A recovery code works once.",
        "Un código sirve en su medio minuto, el anterior y el siguiente, y una vez. Uno de recuperación, una sola vez.",
    ),
    (
        (
            "Check that the phone sets its clock by itself. If codes go on being refused, use a recovery code or ask "
            "an agency admin for a reset. A wrong code counts as a failed sign-in."
        ),
        (
            "Revise que el teléfono ajuste solo su hora. Si los códigos siguen sin servir, use un código de "
            "recuperación o pida un restablecimiento a quien administra. Un código equivocado cuenta como intento "
            "fallido."
        ),
    ),
    request='POST /v1/sessions\nContent-Type: application/json\n\n{"email": "ana@harbor.example", "password": "…", '
    '"totp_code": "123456"}',
)
_problem(
    401,
    "setup-link-invalid",
    ("This set-up link does not work", "Este enlace de instalación no sirve"),
    (
        "This set-up link has been used, has run out, or was never made. Ask whoever installed Waypost for a new one.",
        "Este enlace de instalación ya se usó, venció o nunca existió. Pida uno nuevo a quien instaló Waypost.",
    ),
    (
        "A set-up link works once, for 30 minutes.",
        "Un enlace de instalación sirve una sola vez, durante 30 minutos.",
    ),
    (
        "Have a new link made on the machine that runs Waypost. If somebody else used this one, find out who.",
        "Genere un enlace nuevo en la máquina donde corre Waypost. Si otra persona usó este, averigüe quién fue.",
    ),
    request='POST /v1/setup\nContent-Type: application/json\n\n{"token": "…", "agency_name": "Harbor House", …}',
)
_problem(
    401,
    "link-invalid",
    ("This link does not work", "Este enlace no sirve"),
    (
        (
            "This link was used, has run out, was taken back, or its address has a sign-in already. Try to sign in, or "
            "ask for a new link."
        ),
        (
            "Este enlace ya se usó, venció, se retiró, o su dirección ya tiene acceso. Pruebe a iniciar sesión o pida "
            "un enlace nuevo."
        ),
    ),
    (
        "A link works once: an invitation for 72 hours, a new password for 30 minutes.",
        "Un enlace sirve una sola vez: una invitación durante 72 horas, una contraseña nueva durante 30 minutos.",
    ),
    (
        (
            "Ask an agency admin to send the invitation again, or ask for a new password again. If you think that "
            "somebody else used your link, tell an agency admin now."
        ),
        (
            "Pida a quien administra que envíe otra vez la invitación, o pida de nuevo una contraseña. Si cree que "
            "otra persona usó su enlace, avise ahora a quien administra."
        ),
    ),
    request='POST /v1/password-resets/completion\nContent-Type: application/json\n\n{"token": "…", "password": "…"}',
)

# -- 403: known, but not allowed ---------------------------------------------------------------------------------------

_problem(
    401,
    "sso-refused",
    ("Signing in did not work", "No se pudo iniciar sesión"),
    (
        "You were not signed in. Begin again from your agency's sign-in page; if it goes on, link your "
        "account first or ask your admin.",
        "No se inició la sesión. Empiece de nuevo desde la página de acceso de su organización; si "
        "continúa, vincule antes su cuenta o pregunte a quien administra.",
    ),
    (
        "The attempt is over or was used, the provider's answer is not for us, or the account is nobody's here.",
        "El intento venció o ya se usó, la respuesta del proveedor no es para nosotros, o la cuenta no es "
        "de nadie aquí.",
    ),
    (
        "POST /v1/sso/authorization begins anew; POST /v1/me/identities links an account.",
        "POST /v1/sso/authorization empieza de nuevo; POST /v1/me/identities vincula una cuenta.",
    ),
    request="POST /v1/sso/sessions",
)
_problem(
    403,
    "forbidden",
    ("Your role does not allow this", "Su función no lo permite"),
    (
        "Your role does not include this. If you need it for your work, ask a supervisor or agency admin.",
        (
            "Su función en la organización no incluye esto. Si lo necesita para su trabajo, pídalo a quien supervisa o "
            "administra."
        ),
    ),
    (
        "Each role may do what its work needs and no more, to keep those who are in the files safe.",
        "Cada función permite lo que su trabajo necesita y nada más, para proteger a quienes figuran en los archivos.",
    ),
    (
        "Ask somebody whose role includes it to do it, or ask an agency admin to change your roles.",
        "Pida que lo haga alguien cuya función lo incluya, o que quien administra cambie sus funciones.",
    ),
    request=f"PUT {_TEMPLATE}/versions/2/publication",
)
_problem(
    409,
    "part-of-cover",
    ("This is part of a cover", "Es parte de una suplencia"),
    (
        "It lasts as long as the cover of the whole caseload, and would come back by itself.",
        "Dura lo que dura la suplencia de toda la lista, y volvería por sí sola.",
    ),
    (
        "An assignment that belongs to a cover was to be ended alone.",
        "Se quiso terminar sola una asignación que pertenece a una suplencia.",
    ),
    (
        "End the cover (DELETE /v1/covers/{id}). Somebody who must not see the client is kept out by a wall.",
        "Termine la suplencia (DELETE /v1/covers/{id}). A quien no debe ver a la persona se la deja fuera con un muro.",
    ),
    request="DELETE /v1/assignments/2f6d1c4e-7a3b-4c58-9d0e-1f2a3b4c5d6e",
)
_problem(
    403,
    "password-change-required",
    ("Choose your own password first", "Elija primero su propia contraseña"),
    (
        "You signed in with a one-time password. Choose your own, and everything else opens.",
        "Usted entró con una contraseña de un solo uso. Elija la suya y podrá seguir con lo demás.",
    ),
    (
        "Somebody else has seen a one-time password, so it is good only for replacing it.",
        "Otra persona ha visto la contraseña de un solo uso, por eso solo sirve para reemplazarla.",
    ),
    (
        "PUT /v1/me/password with the one-time password and a new one of 15 to 256 characters.",
        "Use PUT /v1/me/password con la contraseña de un solo uso y una nueva de 15 a 256 caracteres.",
    ),
    request="GET /v1/caseload",
)
_problem(
    403,
    "second-factor-enrolment-required",
    ("Set up your second factor first", "Configure primero su segundo factor"),
    (
        "A second factor is asked for here, and none was shown. Set one up, or show yours, and everything else opens.",
        "Aquí se pide un segundo factor y no se mostró ninguno. Configúrelo, o muestre el suyo, y podrá seguir.",
    ),
    (
        "A password can be seen, guessed or stolen from elsewhere; with a second factor that is not enough to get in.",
        "Una contraseña se puede ver, adivinar o robar; con un segundo factor eso no basta para entrar.",
    ),
    (
        (
            "POST /v1/me/second-factor shows a picture for an authenticator app on a phone; then PUT "
            "/v1/me/second-factor/confirmation with the six digits the app shows. Who has one and came in by her "
            "agency's provider shows it: PUT /v1/sessions/current/second-factor."
        ),
        (
            "POST /v1/me/second-factor muestra una imagen para una aplicación de autenticación del teléfono; después, "
            "PUT /v1/me/second-factor/confirmation con los seis dígitos que muestra. Quien ya tiene uno y entró por el "
            "proveedor de su organización lo muestra: PUT /v1/sessions/current/second-factor."
        ),
    ),
    request="GET /v1/caseload",
)
_problem(
    403,
    "step-up-required",
    ("Show your second factor once more", "Muestre otra vez su segundo factor"),
    (
        "This asks for a second factor shown within the last ten minutes. Send a code, then try again.",
        "Esto pide un segundo factor mostrado en los últimos diez minutos. Envíe un código e inténtelo de nuevo.",
    ),
    (
        "Changes to people, rights, releases and what is destroyed must not come from a session left open or stolen.",
        (
            "Los cambios de personas, permisos, autorizaciones y lo que se destruye no deben hacerse desde una sesión "
            "abierta o robada."
        ),
    ),
    (
        "PUT /v1/sessions/current/second-factor with `totp_code`, then the same request again.",
        "Use PUT /v1/sessions/current/second-factor con `totp_code` y repita la solicitud.",
    ),
    request=f'PATCH {_USER}\nIf-Match: "4"\n\n{{"roles": ["advocate"]}}',
)
_problem(
    403,
    "wrong-code",
    ("The code is not right", "El código no es correcto"),
    (
        "This code is wrong, too old, or was used already. Wait for the next one and try again.",
        "Este código no es correcto, es demasiado viejo o ya se usó. Espere el siguiente e inténtelo otra vez.",
    ),
    (
        "A code is good for its half minute, the one before and the one after, and once. A recovery code works once.",
        "Un código sirve en su medio minuto, el anterior y el siguiente, y una vez. Uno de recuperación, una sola vez.",
    ),
    (
        "The code you signed in with is used up: wait for the next. A wrong one counts as a failed sign-in.",
        "El código con el que entró ya se gastó: espere el siguiente. Uno equivocado cuenta como intento fallido.",
    ),
    request='PUT /v1/sessions/current/second-factor\nContent-Type: application/json\n\n{"totp_code": "123456"}',
)
_problem(
    403,
    "wrong-password",
    ("The current password is not right", "La contraseña actual no es correcta"),
    (
        "The current password is not right, so the password was not changed. Check it and try again.",
        "La contraseña actual no es correcta y por eso no se cambió. Revísela e inténtelo de nuevo.",
    ),
    (
        "Changing a password asks for the old one, so that nobody takes over a sign-in at an unlocked computer.",
        "Para cambiar la contraseña se pide la anterior, así nadie se apropia de un acceso en un equipo abierto.",
    ),
    (
        "Type the current password again. If you no longer know it, whoever runs Waypost can make a one-time one.",
        "Escríbala otra vez. Si ya no la sabe, quien mantiene Waypost puede crear una de un solo uso.",
    ),
    request='PUT /v1/me/password\nContent-Type: application/json\n\n{"current_password": "…", "new_password": "…"}',
)
_problem(
    403,
    "break-glass-unreviewed",
    ("A break-glass of yours waits for its review", "Un acceso de emergencia suyo espera revisión"),
    (
        (
            "Nobody has reviewed a break-glass of yours within seven days. Until somebody does, you can read your "
            "own clients and nothing else."
        ),
        (
            "Nadie revisó en siete días un acceso de emergencia suyo. Hasta entonces puede leer los casos propios "
            "y nada más."
        ),
    ),
    (
        "Every break-glass is looked at by a second person. Without that, it would be a way round every rule.",
        "Una segunda persona mira cada acceso de emergencia. Sin eso sería una forma de saltarse todas las reglas.",
    ),
    (
        "Ask a supervisor or an agency admin to review it today: PUT /v1/break-glass/{id}/review.",
        "Pida hoy a quien supervisa o administra que lo revise: PUT /v1/break-glass/{id}/review.",
    ),
    request=f"PATCH {_CLIENT}",
)
_problem(
    403,
    "others-break-glass",
    ("This is somebody else's break-glass", "Este acceso de emergencia es de otra persona"),
    (
        "You can read who opened it and why. Ending it is for her, and for a supervisor or an agency admin.",
        "Puede leer quién lo abrió y por qué. Terminarlo corresponde a esa persona o a quien supervisa o administra.",
    ),
    (
        "You work with the client, so you are told; ending it is a decision of those who review it.",
        "Se le avisa porque trabaja en el caso; terminarlo lo deciden quienes revisan.",
    ),
    (
        "If it should end now, call your supervisor.",
        "Si debe terminar ya, llame a quien supervisa.",
    ),
    request=f"PUT {_GLASS}/return",
)

# -- 404, 405: nothing there, or not in this way -----------------------------------------------------------------------

_problem(
    404,
    "not-found",
    ("Nothing here", "Aquí no hay nada"),
    (
        (
            "There is nothing here that you can see. Check the address; if you expected to find something, ask your "
            "supervisor."
        ),
        (
            "Aquí no hay nada que usted pueda ver. Revise la dirección; si esperaba encontrar algo, pregunte a quien "
            "supervisa."
        ),
    ),
    (
        (
            "What does not exist and what is not yours to see get the same answer, so that nobody learns from it who "
            "is known to an agency."
        ),
        (
            "Lo que no existe y lo que no le corresponde ver reciben la misma respuesta, para que nadie sepa por ella "
            "a quién conoce una organización."
        ),
    ),
    (
        "Start from a list, such as GET /v1/caseload, and follow its ids. Access to a case follows the assignment.",
        (
            "Parta de una lista, como GET /v1/caseload, y siga sus identificadores. El acceso a un caso depende de la "
            "asignación."
        ),
    ),
    request=f"GET {_PLAN}",
)
_problem(
    405,
    "method-not-allowed",
    ("Not in this way", "Así no"),
    (
        "This address exists but does not take this method. The Allow header lists those it takes.",
        "Esta dirección existe, pero no admite este método. El encabezado Allow indica los que admite.",
    ),
    (
        "The method is not one the operation was made with: POST where PUT is meant, for example.",
        "El método no es el de la operación: por ejemplo, POST donde corresponde PUT.",
    ),
    (
        "Use one of the methods in the Allow header; /docs says what each does.",
        "Use uno de los métodos del encabezado Allow; en /docs se explica qué hace cada uno.",
    ),
    request=f"POST {_ITEM}/completion",
)

# -- 409: not in a state that allows it --------------------------------------------------------------------------------

_problem(
    409,
    "assigned-already",
    ("She is assigned to this client already", "Ya tiene asignado este caso"),
    (
        "This person works with this client already, so nothing was changed.",
        "Esta persona ya trabaja con este caso; no se cambió nada.",
    ),
    (
        "A cover was asked for somebody who sees the client anyway.",
        "Se pidió una suplencia para alguien que ya ve el caso.",
    ),
    (
        "End what there is first if she is to see the client for a while only.",
        "Termine primero lo que hay si solo debe ver el caso por un tiempo.",
    ),
    request=f"POST {_CLIENT}/assignments",
)
_problem(
    409,
    "conflict",
    ("Not possible as things stand", "No es posible tal como están las cosas"),
    (
        "As things stand, this cannot be done. Look at the present state and decide again.",
        "Tal como están las cosas, esto no se puede hacer. Mire el estado actual y decida de nuevo.",
    ),
    (
        "What the request is about has changed, or is not in a state that allows the change.",
        "Aquello a lo que se refiere la solicitud cambió o no está en un estado que permita el cambio.",
    ),
    (
        "Read it again with GET and compare it with what you meant to do.",
        "Léalo otra vez con GET y compárelo con lo que quería hacer.",
    ),
    request=f"PUT {_PLAN}/activation",
)
_problem(
    409,
    "already-exists",
    ("This is there already", "Esto ya existe"),
    (
        "Something that may exist only once is there already. Use what is there, or choose another name or number.",
        "Ya existe algo que solo puede existir una vez. Use lo que ya hay o elija otro nombre o número.",
    ),
    (
        "Two requests made the same thing at about the same time, or it was made earlier.",
        "Dos solicitudes crearon lo mismo casi a la vez, o ya se había creado antes.",
    ),
    (
        "Read the list once more. Send an Idempotency-Key with POST, and a repeated request will not make it twice.",
        "Lea la lista otra vez. Envíe una Idempotency-Key con POST y una solicitud repetida no lo creará dos veces.",
    ),
    request=f"POST {_CLIENT}/assignments",
)
_problem(
    409,
    "auditor-and-content",
    ("An auditor has no other role", "Quien audita no tiene otra función"),
    (
        "The auditor role cannot be combined with another one. Give this person either the auditor role or the others.",
        "La función de auditoría no se combina con ninguna otra. Dé a esta persona la de auditoría o las demás.",
    ),
    (
        "An auditor checks that the rules were kept without seeing a client; other roles would undo that.",
        "Quien audita comprueba que se cumplan las reglas sin ver ningún caso; otra función lo impediría.",
    ),
    (
        "Choose one of the two, or let another person do the audit.",
        "Elija una de las dos cosas o encargue la auditoría a otra persona.",
    ),
    request=f'PATCH {_USER}\nIf-Match: "4"\n\n{{"roles": ["auditor", "supervisor"]}}',
)
_problem(
    409,
    "break-glass-open",
    ("The break-glass is still open", "El acceso de emergencia sigue abierto"),
    (
        "More may still be read through it. Review it when its hour is over, or end it now and review it then.",
        "Todavía puede leerse algo más. Revíselo cuando termine la hora, o termínelo ahora y revíselo después.",
    ),
    (
        "A review looks at everything that was read, so it comes afterwards.",
        "La revisión mira todo lo que se leyó, por eso viene después.",
    ),
    (
        "End it with PUT /v1/break-glass/{id}/return, or wait until `ends_at`.",
        "Termínelo con PUT /v1/break-glass/{id}/return, o espere hasta `ends_at`.",
    ),
    request=f"PUT {_GLASS}/review",
)
_problem(
    409,
    "break-glass-reviewed",
    ("The break-glass was reviewed already", "El acceso de emergencia ya fue revisado"),
    (
        "Somebody has reviewed it, and what she wrote stays.",
        "Otra persona ya lo revisó, y lo que escribió queda.",
    ),
    (
        "There is one review each, so that nobody writes over another's.",
        "Hay una sola revisión, para que nadie escriba sobre la de otra persona.",
    ),
    (
        "Read it with GET /v1/break-glass/{id}. If you see it otherwise, tell your agency admin.",
        "Léala con GET /v1/break-glass/{id}. Si lo ve de otra manera, hable con quien administra.",
    ),
    request=f"PUT {_GLASS}/review",
)
_problem(
    409,
    "client-closed",
    ("The case is closed", "El caso está cerrado"),
    (
        "This case is closed, so nothing can be added to it. Reopen the case first if the person has come back.",
        "Este caso está cerrado y no se le puede agregar nada. Si la persona volvió, reabra primero el caso.",
    ),
    (
        "A closed case stays as it was when it was closed.",
        "Un caso cerrado queda como estaba al cerrarse.",
    ),
    (
        f"DELETE {_CLIENT[:11]}/{{id}}/closure reopens it; then send the request again.",
        f"DELETE {_CLIENT[:11]}/{{id}}/closure lo reabre; después envíe la solicitud otra vez.",
    ),
    request=f"POST {_CLIENT}/plans",
)
_problem(
    409,
    "client-in-sight",
    ("You see this client already", "Usted ya ve este expediente"),
    (
        "You need no break-glass for this client: she is in your sight. Open her record as usual.",
        "No necesita acceso de emergencia: este expediente ya está a su alcance. Ábralo como siempre.",
    ),
    (
        "Break-glass is for a client you do not work with.",
        "El acceso de emergencia es para casos en los que usted no trabaja.",
    ),
    (
        "Find her with POST /v1/clients/search.",
        "Búsquela con POST /v1/clients/search.",
    ),
    request=f"POST {_CLIENT}/break-glass",
)
_problem(
    409,
    "client-restricted",
    ("The client is restricted", "El expediente está restringido"),
    (
        "Only those see this client who are assigned to her, so no volunteer can be given a part of her plan.",
        (
            "Solo ven este expediente quienes lo tienen asignado; no se puede dar una parte del plan a una "
            "persona voluntaria."
        ),
    ),
    (
        "A restricted client is seen by as few people as can be.",
        "Un expediente restringido lo ven tan pocas personas como sea posible.",
    ),
    (
        "Do it yourself, or have the restriction lifted by a second person first.",
        "Hágalo usted, o haga que otra persona levante antes la restricción.",
    ),
    request=f"POST {_SECTION}/volunteers",
)
_problem(
    409,
    "cover-there",
    ("She covers for her already", "Ya la suple"),
    (
        "This person covers for that colleague at that time already.",
        "Esta persona ya suple a esa colega en ese tiempo.",
    ),
    (
        "Two covers of the same two people would overlap.",
        "Dos suplencias de las mismas dos personas se superpondrían.",
    ),
    (
        "End the other cover, or choose another time.",
        "Termine la otra suplencia o elija otro tiempo.",
    ),
    request="POST /v1/covers",
)
_problem(
    409,
    "custody-keeps-no-words",
    ("This plan keeps no words", "Este plan no guarda palabras"),
    (
        "No words of this plan are kept here, so these were not kept. Leave them out; the person keeps what was said.",
        (
            "De este plan no se guarda aquí ninguna palabra y estas no se guardaron. Omítalas; lo hablado queda con la "
            "persona."
        ),
    ),
    (
        "The plan's custody is event_only: that planning happened is recorded, its content nowhere.",
        (
            "La custodia del plan es event_only: consta que hubo planificación, pero su contenido no se guarda en "
            "ninguna parte."
        ),
    ),
    (
        (
            "Leave the words out. If they should be kept, make another plan under a custody that keeps them, if your "
            "agency allows one."
        ),
        (
            "Omita las palabras. Si conviene guardarlas, haga otro plan con una custodia que las guarde, si su "
            "organización lo permite."
        ),
    ),
    request=f'POST {_PLAN}/items\nContent-Type: application/json\n\n{{"section_id": "…", "text": "…"}}',
)
_problem(
    409,
    "custody-only-stricter",
    ("Custody can only be made stricter", "La custodia solo puede hacerse más estricta"),
    (
        "A plan may keep less than the agency's rule says, never more. Choose the agency's custody or a stricter one.",
        (
            "Un plan puede guardar menos de lo que marca la regla de la organización, nunca más. Elija esa custodia u "
            "otra más estricta."
        ),
    ),
    (
        "The custody asked for would keep more than the agency's policy allows.",
        "La custodia pedida guardaría más de lo que permite la política de la organización.",
    ),
    (
        "Leave `custody` out to take the agency's. The policy itself is changed by an agency admin.",
        "Omita `custody` para usar la de la organización. La política la cambia quien administra.",
    ),
    request=f'POST {_CLIENT}/plans\nContent-Type: application/json\n\n{{"template_id": "…", "custody": "retained"}}',
)
_problem(
    409,
    "destruction-not-open",
    ("This destruction is not open", "Esta destrucción no está abierta"),
    (
        "This proposal was carried out, withdrawn, or lapsed after 14 days. Nothing was done now.",
        "Esta propuesta ya se llevó a cabo, se retiró o caducó a los 14 días. Ahora no se hizo nada.",
    ),
    (
        (
            "A proposal is carried out or withdrawn once, within 14 days, so that nobody approves what is no "
            "longer meant."
        ),
        (
            "Una propuesta se lleva a cabo o se retira una sola vez, en 14 días, para que nadie apruebe lo que "
            "ya no se quiere."
        ),
    ),
    (
        "GET /v1/destructions/{id} shows how it ended. Propose it anew if it is still meant.",
        "GET /v1/destructions/{id} muestra cómo terminó. Propóngala de nuevo si todavía se quiere.",
    ),
    request=f"PUT {_DESTRUCTION}/approval",
)
_problem(
    409,
    "destruction-proposed",
    ("A destruction is proposed already", "Ya hay una destrucción propuesta"),
    (
        "A destruction of this record is proposed already and waits for a second person.",
        "Ya se propuso destruir este expediente y falta que otra persona lo apruebe.",
    ),
    (
        "One proposal at a time keeps it clear what is approved.",
        "Con una sola propuesta a la vez queda claro qué se aprueba.",
    ),
    (
        "GET /v1/destructions?state=proposed lists it. Withdraw it first to propose something else.",
        "GET /v1/destructions?state=proposed la muestra. Para proponer otra cosa, retírela antes.",
    ),
    request=(
        f"POST {_CLIENT}/destruction\nContent-Type: application/json\n\n"
        '{"what": "everything", "reason": "client_asked"}'
    ),
)
_problem(
    409,
    "draft-exists",
    ("There is a draft already", "Ya hay un borrador"),
    (
        "This template has a draft already. Go on with that one, or publish it before you begin another.",
        "Esta plantilla ya tiene un borrador. Siga con ese o publíquelo antes de empezar otro.",
    ),
    (
        "A template has one draft at a time, so that two people do not write past each other.",
        "Una plantilla tiene un solo borrador a la vez, para que dos personas no escriban cada una por su lado.",
    ),
    (
        "GET the template: it names its draft. Change it with PUT …/versions/{n}.",
        "Lea la plantilla con GET: indica su borrador. Cámbielo con PUT …/versions/{n}.",
    ),
    request=f"POST {_TEMPLATE}/versions",
)
_problem(
    409,
    "email-taken",
    ("This e-mail address is in use", "Este correo ya está en uso"),
    (
        "This e-mail address has a sign-in already and cannot get a second one. Use another address for this person.",
        "Este correo ya tiene un acceso y no puede tener otro. Use otra dirección para esta persona.",
    ),
    (
        "One address is one sign-in, over the whole installation.",
        "Cada dirección corresponde a un solo acceso en toda la instalación.",
    ),
    (
        "Look among your agency's people, suspended ones too: the person may be there. Otherwise take another address.",
        (
            "Busque entre las personas de su organización, también las suspendidas: quizá ya figure. Si no, use otra "
            "dirección."
        ),
    ),
    request='POST /v1/setup\nContent-Type: application/json\n\n{"email": "ana@harbor.example", …}',
)
_problem(
    409,
    "external-id-taken",
    ("This number is in use", "Este número ya está en uso"),
    (
        "This number of another system already belongs to somebody at your agency. Check it, or ask your supervisor.",
        (
            "Este número de otro sistema ya corresponde a alguien en su organización. Revíselo o pregunte a quien "
            "supervisa."
        ),
    ),
    (
        "A pair of system and value names one record of an agency, and this pair is taken.",
        "Cada par de sistema y valor señala un solo registro de la organización, y este par ya está en uso.",
    ),
    (
        "Correct the value, or leave the number out. Somebody who sees the whole agency can look for the other record.",
        "Corrija el valor u omita el número. Alguien con vista de toda la organización puede buscar el otro registro.",
    ),
    request='POST /v1/clients\nContent-Type: application/json\n\n{"alias": "Robin", "external_ids": [{…}]}',
)
_problem(
    409,
    "idempotency-in-progress",
    ("The first request is still running", "La primera solicitud sigue en curso"),
    (
        "A request with this Idempotency-Key is still being worked on. Wait a moment and send the same one again.",
        "Una solicitud con esta Idempotency-Key todavía está en curso. Espere un momento y envíe la misma otra vez.",
    ),
    (
        "The same request was sent twice, and the first has not finished.",
        "La misma solicitud se envió dos veces y la primera no ha terminado.",
    ),
    (
        "Repeat it unchanged, with the same key: you get what the first one made.",
        "Repítala sin cambios y con la misma clave: recibirá lo que creó la primera.",
    ),
    request="POST /v1/clients\nIdempotency-Key: 7f3a-first-visit",
    retryable=True,
)
_problem(
    409,
    "identity-not-linked",
    ("Linking did not work", "No se pudo vincular"),
    (
        "The account was not linked; nothing was changed. Begin again, in the same browser.",
        "La cuenta no se vinculó; no se cambió nada. Empiece de nuevo, en el mismo navegador.",
    ),
    (
        "The attempt is over, was used or was begun by somebody else, or the provider's answer is not for us.",
        "El intento venció, ya se usó o lo inició otra persona, o la respuesta del proveedor no es para nosotros.",
    ),
    ("POST /v1/me/identities begins anew.", "POST /v1/me/identities empieza de nuevo."),
    request="POST /v1/me/identities/completion",
)
_problem(
    409,
    "identity-taken",
    ("This account is linked already", "Esta cuenta ya está vinculada"),
    (
        "Somebody here signs in with this account, or you have linked ten. Nothing was changed.",
        "Alguien de aquí ya entra con esta cuenta, o usted ya vinculó diez. No se cambió nada.",
    ),
    ("An account at the provider belongs to one person.", "Una cuenta del proveedor es de una sola persona."),
    (
        "GET /v1/me/identities lists yours; sign out at the provider and use another account.",
        "GET /v1/me/identities muestra las suyas; cierre la sesión en el proveedor y use otra cuenta.",
    ),
    request="POST /v1/me/identities/completion",
)
_problem(
    409,
    "invitation-not-open",
    ("This invitation is over", "Esta invitación ya terminó"),
    (
        "This invitation was accepted or taken back, so it cannot be sent again or taken back. Make a new one.",
        "Esta invitación ya se aceptó o se retiró: no se puede reenviar ni retirar. Haga otra si hace falta.",
    ),
    (
        "Whoever accepted is one of the agency's people now; what was taken back stays so.",
        "Quien aceptó ya es parte de la organización; lo que se retiró sigue retirado.",
    ),
    (
        "To shut somebody out who has accepted, suspend her. To ask somebody in again, send a new invitation.",
        "Para cerrar el paso a quien aceptó, suspenda su acceso. Para invitar de nuevo, envíe otra invitación.",
    ),
    request="DELETE /v1/invitations/2b3c4d5e-6f70-4a8b-9c0d-1e2f3a4b5c6d",
)
_problem(
    409,
    "kept-from-client",
    ("This person is kept from this client", "Esta persona no debe ver este caso"),
    (
        "This person cannot be assigned to this client, and must not learn why. Choose another.",
        "A esta persona no se le puede asignar este caso, y no debe saber por qué. Elija a otra.",
    ),
    (
        "A wall stands between the two: GET /v1/walls shows it to supervisors and agency admins.",
        "Hay un muro entre las dos: GET /v1/walls lo muestra a quienes supervisan y administran.",
    ),
    (
        "Choose somebody else. If the wall is over, two people lift it.",
        "Elija a otra persona. Si el muro ya no hace falta, lo levantan dos personas.",
    ),
    request=f"POST {_CLIENT}/assignments",
)
_problem(
    409,
    "last-assignment",
    ("Nobody would be left with this case", "Nadie se quedaría con este caso"),
    (
        "This is the last assignment of an open case. Hand the client over, or say leave_unassigned=true.",
        "Es la última asignación de un caso abierto. Transfiera el caso o diga leave_unassigned=true.",
    ),
    (
        "A case that is nobody's is looked at by nobody.",
        "Un caso que no es de nadie no lo mira nadie.",
    ),
    (
        "PUT /v1/clients/{id}/handover names a successor and moves the open reviews with it.",
        "PUT /v1/clients/{id}/handover nombra a quien sigue y traslada las revisiones abiertas.",
    ),
    request="DELETE /v1/assignments/2f6d1c4e-7a3b-4c58-9d0e-1f2a3b4c5d6e",
)
_problem(
    409,
    "legal-hold-stands",
    ("A legal hold stands", "Hay una retención legal"),
    (
        "This record is under a legal hold, so nothing of it is destroyed. Nothing was changed.",
        "Este expediente está bajo retención legal, así que no se destruye nada de él. No se cambió nada.",
    ),
    (
        ("A court or a party may ask for it. What is or may be requested is never destroyed, whoever wants it gone."),
        (
            "Un tribunal o una parte puede pedirlo. Lo que se pide o se puede pedir no se destruye nunca, "
            "quienquiera que lo desee."
        ),
    ),
    (
        "Talk to counsel. When the matter is over, an agency admin who did not place the hold lifts it.",
        (
            "Consulte con asesoría jurídica. Cuando el asunto termine, levanta la retención alguien que "
            "administre y que no la haya impuesto."
        ),
    ),
    request=f"PUT {_DESTRUCTION}/approval",
)
_problem(
    409,
    "library-template",
    ("This template belongs to the library", "Esta plantilla es de la biblioteca"),
    (
        (
            "Templates of the library are the same for everybody and cannot be changed. Make your agency's own copy "
            "and change that."
        ),
        (
            "Las plantillas de la biblioteca son iguales para todas las organizaciones y no se cambian. Haga una copia "
            "propia y cambie esa."
        ),
    ),
    (
        "The library comes with Waypost and is renewed with it; changes would be lost.",
        "La biblioteca viene con Waypost y se renueva con él; los cambios se perderían.",
    ),
    (
        "POST …/copy makes the copy.",
        "Con POST …/copy se crea la copia.",
    ),
    request=f"POST {_TEMPLATE}/versions",
)
_problem(
    409,
    "no-active-plan",
    ("No plan is in use", "No hay ningún plan en uso"),
    (
        "There is no plan in use to review. Activate a draft, or make a plan first.",
        "No hay ningún plan en uso que revisar. Active un borrador o haga primero un plan.",
    ),
    (
        "An event opens a review of the plan in use, and no plan is.",
        "Un suceso abre la revisión del plan en uso, y no hay ninguno.",
    ),
    (
        "PUT /v1/plans/{id}/activation puts a draft into use.",
        "PUT /v1/plans/{id}/activation pone en uso un borrador.",
    ),
    request=f'POST {_CLIENT}/events\nContent-Type: application/json\n\n{{"kind": "move"}}',
)
_problem(
    409,
    "nobody-assigned",
    ("Nobody is assigned to this client", "Nadie tiene asignado este caso"),
    (
        "A restricted client is seen only by those assigned to her, and nobody is. Assign somebody first.",
        "Un caso restringido solo lo ven quienes lo tienen asignado, y nadie lo tiene. Asígnelo primero.",
    ),
    (
        "Restricted now, she would be out of everybody's sight.",
        "Restringido ahora, el caso quedaría fuera de la vista de todos.",
    ),
    (
        "Assign the people who are to see her, then restrict her.",
        "Asigne el caso a quienes deben verlo y luego restrínjalo.",
    ),
    request=f"PUT {_CLIENT}/restriction",
)
_problem(
    409,
    "nobody-to-tell",
    ("Nobody else could be told", "No hay nadie más a quien avisar"),
    (
        "There is nobody else at this agency now who could be told of it and review it.",
        "No hay ahora en esta organización otra persona a quien avisar y que pueda revisarlo.",
    ),
    (
        "A break-glass is told to somebody at once and reviewed by a second person.",
        "De un acceso de emergencia se avisa en el acto y una segunda persona lo revisa.",
    ),
    (
        "Ask an agency admin to assign the client to you.",
        "Pida a quien administra que le asigne el caso.",
    ),
    request=f"POST {_CLIENT}/break-glass",
)
_problem(
    409,
    "not-her-case",
    (
        "Only your own clients",
        "Solo sus propios casos",
    ),
    (
        "You cover this client for a colleague. Whoever she is assigned to asks for a handover.",
        "Usted suple en este caso. El traspaso lo solicita quien lo tiene asignado.",
    ),
    (
        "A handover was asked for of a client who is not assigned to the caller.",
        "Se solicitó el traspaso de un caso que no está asignado a quien lo pide.",
    ),
    (
        "Tell your supervisor, who can hand the client over.",
        "Dígaselo a quien supervisa, que puede traspasar el caso.",
    ),
    request="POST /v1/clients/8c1f0a52-6f0e-4d0b-9a37-2d5b1c7e4f10/handover-requests",
)
_problem(
    409,
    "not-published",
    ("The template is not published", "La plantilla no está publicada"),
    (
        "No version of this template is published yet. Publish its draft, or choose another template.",
        "Todavía no se ha publicado ninguna versión de esta plantilla. Publique su borrador o elija otra.",
    ),
    (
        "Plans and copies are made from published versions, which never change.",
        "Los planes y las copias se hacen a partir de versiones publicadas, que no cambian nunca.",
    ),
    (
        "An agency admin publishes a draft with PUT …/versions/{n}/publication.",
        "Quien administra la organización publica un borrador con PUT …/versions/{n}/publication.",
    ),
    request=f"POST {_TEMPLATE}/copy",
)
_problem(
    409,
    "not-tickable",
    ("This is for information", "Esto es solo información"),
    (
        "This item is information to talk about, not something to plan or tick. It stays on the plan as it is.",
        "Este elemento es información para conversar, no algo que se planee o se marque. Queda en el plan como está.",
    ),
    (
        "Items of the kind `information` have no steps to be done.",
        "Los elementos de tipo `information` no tienen pasos que cumplir.",
    ),
    (
        "Add an item of your own, of the kind `action` or `personal`, if there is something to do.",
        "Si hay algo que hacer, agregue un elemento propio de tipo `action` o `personal`.",
    ),
    request=f"PUT {_ITEM}/completion",
)
_problem(
    409,
    "factor-reset-closed",
    ("This reset is over", "Este restablecimiento ya terminó"),
    (
        "This reset of a second factor was approved, withdrawn, or is older than 24 hours. Start a new one.",
        "Este restablecimiento se aprobó, se retiró o tiene más de 24 horas. Inicie uno nuevo.",
    ),
    (
        "A reset is open for a day, so that a forgotten one cannot be used later.",
        "Un restablecimiento queda abierto un día, para que uno olvidado no sirva después.",
    ),
    (
        "GET /v1/second-factor-resets lists those that are open.",
        "GET /v1/second-factor-resets muestra los que están abiertos.",
    ),
    request=f"PUT {_RESET}/approval",
)
_problem(
    409,
    "factor-reset-open",
    ("A reset was started already", "Ya se inició un restablecimiento"),
    (
        "A reset of this person's second factor is open. Another agency admin approves it, or it is withdrawn.",
        "Ya hay un restablecimiento abierto para esta persona. Lo aprueba otra persona que administre, o se retira.",
    ),
    (
        "One reset at a time, so that it is clear what is approved.",
        "Uno a la vez, para que esté claro qué se aprueba.",
    ),
    (
        "GET /v1/second-factor-resets shows it.",
        "GET /v1/second-factor-resets lo muestra.",
    ),
    request=f"POST {_USER}/second-factor-reset",
)
_problem(
    409,
    "no-enrolment",
    ("No second factor was begun", "No se empezó ningún segundo factor"),
    (
        "There is nothing to confirm: no second factor was begun, or it is confirmed already.",
        "No hay nada que confirmar: no se empezó ningún segundo factor, o ya está confirmado.",
    ),
    (
        "A secret is shown first, and counts once a code of it was seen.",
        "Primero se muestra un secreto, y cuenta cuando se ha visto un código suyo.",
    ),
    (
        "POST /v1/me/second-factor begins a new one.",
        "POST /v1/me/second-factor empieza uno nuevo.",
    ),
    request='PUT /v1/me/second-factor/confirmation\nContent-Type: application/json\n\n{"totp_code": "123456"}',
)
_problem(
    409,
    "no-second-factor",
    ("There is no second factor", "No hay segundo factor"),
    (
        "No second factor is set up here, so there is nothing to show, take away or reset.",
        "Aquí no hay ningún segundo factor, así que no hay nada que mostrar, quitar o restablecer.",
    ),
    (
        "It was never confirmed, or it was taken away or reset before.",
        "Nunca se confirmó, o ya se quitó o restableció.",
    ),
    (
        "POST /v1/me/second-factor sets one up.",
        "POST /v1/me/second-factor lo configura.",
    ),
    request="DELETE /v1/me/second-factor/confirmation",
)
_problem(
    409,
    "own-assignment",
    ("Nobody gives herself what she does not see", "Nadie se asigna lo que no ve"),
    (
        "A client who is restricted, or whom you do not see, is given to you by somebody else.",
        "Un caso restringido, o que usted no ve, se lo tiene que asignar otra persona.",
    ),
    (
        "Who sees more than her role shows her is decided by two people; so it is with a colleague's cover.",
        "Quién ve más de lo que su función le muestra lo deciden dos personas; también al cubrir a una colega.",
    ),
    (
        "Ask a supervisor who sees her, or another agency admin.",
        "Pídalo a quien supervisa y lo ve, o a otra persona que administra.",
    ),
    request=f"POST {_CLIENT}/assignments",
)
_problem(
    409,
    "own-break-glass",
    ("Nobody reviews her own break-glass", "Nadie revisa su propio acceso de emergencia"),
    (
        "You opened it yourself. Another supervisor or agency admin has to review it.",
        "Usted lo abrió. Tiene que revisarlo otra persona que supervise o administre.",
    ),
    (
        "A review by the same person, under whatever role, is none.",
        "Una revisión de la misma persona, con el rol que sea, no es una revisión.",
    ),
    (
        (
            "Ask another supervisor or an agency admin; without one within seven days you can only read your own "
            "clients."
        ),
        "Pídalo a otra persona; sin revisión en siete días usted solo podrá leer los casos propios.",
    ),
    request=f"PUT {_GLASS}/review",
)
_problem(
    409,
    "own-factor-reset",
    ("A reset takes two other people", "Un restablecimiento requiere a otras dos personas"),
    (
        "Nobody starts or approves the reset of her own second factor, or approves one she started.",
        "Nadie inicia ni aprueba el restablecimiento de su propio segundo factor, ni aprueba uno que inició.",
    ),
    (
        "Whoever took over one admin's sign-in must not be able to take over another's.",
        "Quien se apodere del acceso de una persona que administra no debe poder apoderarse de otro.",
    ),
    (
        "Ask another agency admin; where there is none, whoever runs Waypost can reset it on the machine.",
        "Pídalo a otra persona que administre; si no la hay, quien mantiene Waypost puede hacerlo en la máquina.",
    ),
    request=f"PUT {_RESET}/approval",
)
_problem(
    409,
    "own-hold",
    ("Nobody lifts her own hold", "Nadie levanta su propia retención"),
    (
        "You placed this legal hold. Another agency admin has to lift it.",
        "Usted impuso esta retención legal. Tiene que levantarla otra persona que administre.",
    ),
    (
        "Two people agree before what a court may ask for can be destroyed.",
        "Antes de que se pueda destruir lo que un tribunal puede pedir, se ponen de acuerdo dos personas.",
    ),
    (
        "Ask another agency admin.",
        "Pídalo a otra persona que administre.",
    ),
    request=f"PUT {_HOLD}/lifting",
)
_problem(
    409,
    "own-password",
    ("Nobody resets her own password so", "Nadie restablece así su propia contraseña"),
    (
        "This is for colleagues who cannot get in. Change your own password with the old one, at PUT /v1/me/password.",
        "Esto es para colegas que no pueden entrar. Cambie la suya con la anterior, en PUT /v1/me/password.",
    ),
    (
        "Whoever sits down at a screen that was left open must not be able to take the account with her.",
        "Quien se siente ante una pantalla abierta no debe poder quedarse con la cuenta.",
    ),
    (
        "PUT /v1/me/password with the old password; if it is forgotten, sign out and ask for a new one by e-mail.",
        "Use PUT /v1/me/password con la contraseña anterior; si la olvidó, cierre la sesión y pida otra por correo.",
    ),
    request=f"POST {_USER}/password-reset",
)
_problem(
    409,
    "own-proposal",
    ("Nobody approves her own proposal", "Nadie aprueba su propia propuesta"),
    (
        "You proposed this destruction. Another agency admin has to approve it.",
        "Usted propuso esta destrucción. Tiene que aprobarla otra persona que administre.",
    ),
    (
        "What is destroyed does not come back, so it takes two people, whatever roles one of them holds.",
        "Lo destruido no vuelve, así que hacen falta dos personas, tengan las funciones que tengan.",
    ),
    (
        "Ask another agency admin; where there is none, whoever runs Waypost can be the second person.",
        ("Pídalo a otra persona que administre; si no la hay, la segunda persona puede ser quien mantiene Waypost."),
    ),
    request=f"PUT {_DESTRUCTION}/approval",
)
_problem(
    409,
    "own-restriction",
    ("Nobody lifts her own restriction", "Nadie levanta su propia restricción"),
    (
        "You restricted this client. Somebody else who is assigned to her has to lift it.",
        "Usted restringió este caso. Tiene que levantarlo otra persona que lo tenga asignado.",
    ),
    (
        "What took her out of sight ends by the word of a second person.",
        "Lo que la sacó de la vista termina por palabra de una segunda persona.",
    ),
    (
        "Ask another person assigned to her; where there is none, an agency admin assigns one.",
        "Pídalo a otra persona asignada; si no la hay, quien administra asigna a alguien.",
    ),
    request=f"DELETE {_CLIENT}/restriction",
)
_problem(
    409,
    "own-role",
    ("Nobody changes her own roles", "Nadie cambia sus propias funciones"),
    (
        "You cannot change your own roles. Ask another agency admin to do it.",
        "Usted no puede cambiar sus propias funciones. Pídalo a otra persona que administre.",
    ),
    (
        "No one decides about their own rights.",
        "Ninguna persona decide sobre sus propios permisos.",
    ),
    (
        "If there is no other agency admin, ask whoever runs Waypost.",
        "Si nadie más administra, pregunte a quien mantiene Waypost.",
    ),
    request=f'PATCH {_USER}\nIf-Match: "4"\n\n{{"roles": ["agency_admin", "supervisor"]}}',
)
_problem(
    409,
    "second-factor-stays",
    ("The second factor stays", "El segundo factor se mantiene"),
    (
        "Only a demo, where everybody is invented, can do without a second factor.",
        "Solo una demostración, donde todas las personas son inventadas, puede prescindir del segundo factor.",
    ),
    (
        "With a stolen password alone nobody must get at the files of survivors.",
        "Con solo una contraseña robada nadie debe llegar a los archivos de las sobrevivientes.",
    ),
    (
        "Leave `second_factor` as it is: `required`.",
        "Deje `second_factor` como está: `required`.",
    ),
    request='PATCH /v1/agency\nIf-Match: "4"\n\n{"second_factor": "optional"}',
)
_problem(
    409,
    "own-staffing-request",
    (
        "Nobody answers her own request",
        "Nadie responde su propia solicitud",
    ),
    (
        "You asked for this. Somebody else accepts it.",
        "Usted lo solicitó. Lo acepta otra persona.",
    ),
    (
        "Whoever asked for a handover or a cover tried to accept it.",
        "Quien solicitó un traspaso o una suplencia quiso aceptarlo.",
    ),
    (
        "Ask another supervisor or an agency admin, or withdraw it.",
        "Pídalo a otra persona que supervise o administre, o retírela.",
    ),
    request="PUT /v1/staffing-requests/5a4b3c2d-1e0f-4a9b-8c7d-6e5f4a3b2c1d/acceptance",
)
_problem(
    409,
    "own-suspension",
    ("Nobody suspends herself", "Nadie puede suspenderse"),
    (
        (
            "You cannot suspend yourself. Ask another agency admin, or end your sessions if your sign-in may be in "
            "other hands."
        ),
        (
            "Usted no puede suspender su propio acceso. Pídalo a otra persona que administre, o cierre sus sesiones si "
            "teme que alguien más tenga su acceso."
        ),
    ),
    (
        "An agency could otherwise be left with nobody to let people in again.",
        "De otro modo la organización podría quedarse sin nadie que devuelva el acceso.",
    ),
    (
        "Sessions are ended with DELETE /v1/sessions/{id}; a new password ends all the others.",
        "Las sesiones se cierran con DELETE /v1/sessions/{id}; una contraseña nueva cierra todas las demás.",
    ),
    request=f"PUT {_USER}/suspension",
)
_problem(
    409,
    "own-wall",
    ("Put yourself behind a wall in one step", "Póngase detrás de un muro en un solo paso"),
    (
        "A wall for yourself needs nobody else: PUT /v1/clients/{id}/own-wall sets it up at once.",
        "Un muro para usted no necesita a nadie más: PUT /v1/clients/{id}/own-wall lo pone de inmediato.",
    ),
    (
        "A proposal waits for a second person; stepping back oneself does not.",
        "Una propuesta espera a una segunda persona; apartarse una misma, no.",
    ),
    (
        "Send PUT /v1/clients/{id}/own-wall.",
        "Envíe PUT /v1/clients/{id}/own-wall.",
    ),
    request="POST /v1/walls",
)
_problem(
    409,
    "own-wall-proposal",
    ("Nobody approves her own proposal about a wall", "Nadie aprueba su propia propuesta sobre un muro"),
    (
        "You proposed this. Another supervisor or agency admin has to approve it.",
        "Usted lo propuso. Tiene que aprobarlo otra persona que supervise o administre.",
    ),
    (
        "Nobody sets up or lifts a wall alone.",
        "Nadie pone ni levanta un muro sin otra persona.",
    ),
    (
        "Ask another supervisor or agency admin.",
        "Pídalo a otra persona que supervise o administre.",
    ),
    request=f"PUT {_WALL}/approval",
)
_problem(
    409,
    "plan-not-open",
    ("The plan is no longer open", "El plan ya no está abierto"),
    (
        "This plan is closed or a newer one has followed it, so it stays as it is. Work in the plan that is in use.",
        "Este plan está cerrado o lo reemplazó otro más nuevo, y queda como está. Trabaje en el plan que está en uso.",
    ),
    (
        "Only drafts and the plan in use can be changed; there is one plan in use at a time.",
        "Solo se cambian los borradores y el plan en uso; hay un único plan en uso a la vez.",
    ),
    (
        "Look for it with GET /v1/clients/{id}/plans, or make a new plan.",
        "Búsquelo con GET /v1/clients/{id}/plans o haga un plan nuevo.",
    ),
    request=f"PUT {_ITEM}/completion",
)
_problem(
    409,
    "release-lives",
    ("A release is still active", "Hay una autorización vigente"),
    (
        "A release of this client is still active, so her record is not destroyed. Nothing was changed.",
        ("Esta persona tiene una autorización vigente, así que su expediente no se destruye. No se cambió nada."),
    ),
    (
        ("Somebody may be told something on the strength of this record until the release ends or is taken back."),
        (
            "Hasta que la autorización termine o se retire, todavía se puede informar a alguien a partir de "
            "este expediente."
        ),
    ),
    (
        "Ask the survivor. PUT /v1/releases/{id}/revocation takes a release back, or wait until it ends.",
        (
            "Pregúntele a ella. PUT /v1/releases/{id}/revocation retira una autorización; también puede "
            "esperar a que termine."
        ),
    ),
    request=f"PUT {_DESTRUCTION}/approval",
)
_problem(
    409,
    "review-ended",
    ("The review is over", "La revisión ya terminó"),
    (
        "This review has been completed or cancelled already. Work on the next one, or schedule a new one.",
        "Esta revisión ya se completó o se canceló. Siga con la próxima o programe otra.",
    ),
    (
        "Perhaps a colleague was faster.",
        "Quizá otra persona del equipo se adelantó.",
    ),
    (
        "GET the review to see how it ended; POST /v1/plans/{id}/reviews schedules a new one.",
        "Lea la revisión con GET para ver cómo terminó; POST /v1/plans/{id}/reviews programa otra.",
    ),
    request=f'PUT {_REVIEW}/completion\nContent-Type: application/json\n\n{{"what_changed": "…"}}',
)
_problem(
    409,
    "section-there",
    ("The section is on the plan already", "La sección ya está en el plan"),
    (
        "This section is on the plan already. Change its choice instead of adding it again.",
        "Esta sección ya está en el plan. Cambie su elección en lugar de agregarla otra vez.",
    ),
    (
        "A section of the template occurs once in a plan, also when it was declined or put off.",
        "Cada sección de la plantilla figura una vez en el plan, también si se rechazó o se dejó para después.",
    ),
    (
        "PATCH /v1/plan-sections/{id} with `choice`: chosen, declined or later.",
        "Use PATCH /v1/plan-sections/{id} con `choice`: chosen, declined o later.",
    ),
    request=f'POST {_PLAN}/sections\nContent-Type: application/json\n\n{{"key": "children"}}',
)
_problem(
    409,
    "sso-not-proved",
    ("Sign in at the provider first", "Entre primero por el proveedor"),
    (
        "Switch passwords off from a session that was opened at the provider: what does not work for you "
        "would shut everybody out.",
        "Desactive las contraseñas desde una sesión abierta por el proveedor: lo que no funciona para "
        "usted dejaría fuera a todos.",
    ),
    (
        "This session was opened with a password, or the provider is not enabled.",
        "Esta sesión se abrió con contraseña, o el proveedor no está habilitado.",
    ),
    (
        "Link your account with POST /v1/me/identities, sign in with it, and ask again.",
        "Vincule su cuenta con POST /v1/me/identities, entre con ella y vuelva a pedirlo.",
    ),
    request="PUT /v1/sso/provider/requirement",
)
_problem(
    409,
    "team-not-empty",
    ("There are people in this team", "Hay personas en este equipo"),
    (
        "Move the people of this team to another one first, or out of it.",
        "Pase primero a las personas de este equipo a otro, o sáquelas de él.",
    ),
    (
        "What a supervisor sees follows from her team, so a team does not vanish under her.",
        "Lo que ve quien supervisa depende de su equipo, así que el equipo no desaparece de repente.",
    ),
    (
        "PATCH /v1/users/{id} with another team_id, or null; then take the team away.",
        "PATCH /v1/users/{id} con otro team_id, o null; después quite el equipo.",
    ),
    request="DELETE /v1/teams/7d6c5b4a-3f2e-4d1c-8b0a-9f8e7d6c5b4a",
)
_problem(
    409,
    "template-retired",
    ("The template has been retired", "La plantilla se retiró"),
    (
        "This template is no longer used for new plans. Choose another; plans made from it stay as they are.",
        "Esta plantilla ya no se usa para planes nuevos. Elija otra; los planes hechos con ella quedan como están.",
    ),
    (
        "The agency has retired the template.",
        "La organización retiró la plantilla.",
    ),
    (
        "GET /v1/templates lists those in use. An agency admin can bring one back with DELETE …/retirement.",
        "GET /v1/templates muestra las que se usan. Quien administra puede recuperar una con DELETE …/retirement.",
    ),
    request=f'POST {_CLIENT}/plans\nContent-Type: application/json\n\n{{"template_id": "…"}}',
)
_problem(
    409,
    "template-words",
    ("This title is the template's", "Este título es de la plantilla"),
    (
        "A section taken from a template keeps the template's title. Add a section of your own to use your own words.",
        "Una sección tomada de la plantilla conserva su título. Agregue una sección propia para usar sus palabras.",
    ),
    (
        "Only sections made for this plan can be renamed.",
        "Solo se pueden renombrar las secciones hechas para este plan.",
    ),
    (
        "POST /v1/plans/{id}/sections with `title` makes an own section.",
        "POST /v1/plans/{id}/sections con `title` crea una sección propia.",
    ),
    request='PATCH /v1/plan-sections/{id}\nIf-Match: "2"\n\n{"title": "Our own words"}',
)
_problem(
    409,
    "too-many-drafts",
    ("Too many drafts", "Demasiados borradores"),
    (
        "A client has at most 20 draft plans. Activate or close one before you make another.",
        "Cada persona tiene como máximo 20 planes en borrador. Active o cierre uno antes de crear otro.",
    ),
    (
        "Drafts nobody closes pile up, and the one that counts is hard to find among them.",
        "Los borradores que nadie cierra se acumulan y entre ellos cuesta hallar el que importa.",
    ),
    (
        "PUT /v1/plans/{id}/closure closes a draft; GET /v1/clients/{id}/plans?status=draft lists them.",
        "PUT /v1/plans/{id}/closure cierra un borrador; GET /v1/clients/{id}/plans?status=draft los enumera.",
    ),
    request="POST /v1/clients/5a7c3f1e-8d2b-4c6a-9e40-1b7f3d5a0000/plans",
)
_problem(
    409,
    "too-many-invitations",
    ("Too many invitations are open", "Hay demasiadas invitaciones abiertas"),
    (
        "Your agency has 200 open invitations. Take back those that are not needed, or wait until some have run out.",
        "Su organización tiene 200 invitaciones abiertas. Retire las que no hagan falta o espere a que venzan algunas.",
    ),
    (
        "Each sends a mail to an address somebody typed; a limit keeps that from being misused.",
        "Cada una envía un correo a una dirección escrita por alguien; el límite evita abusos.",
    ),
    (
        "DELETE /v1/invitations/{id} takes one back; an invitation runs out after 72 hours.",
        "DELETE /v1/invitations/{id} retira una; una invitación vence a las 72 horas.",
    ),
    request='POST /v1/invitations\nContent-Type: application/json\n\n{"email": "noor@harbor.example", …}',
)
_problem(
    409,
    "too-many-items",
    ("The plan is full", "El plan está lleno"),
    (
        "A plan holds at most 500 items. Take off what is no longer needed before you add more.",
        "Un plan admite como máximo 500 elementos. Quite lo que ya no haga falta antes de agregar más.",
    ),
    (
        "The limit keeps a plan something a person can work with.",
        "El límite hace que el plan siga siendo algo con lo que se puede trabajar.",
    ),
    (
        "DELETE /v1/checklist-items/{id} takes an item off the plan.",
        "DELETE /v1/checklist-items/{id} quita un elemento del plan.",
    ),
    request=f"POST {_PLAN}/items",
)
_problem(
    409,
    "too-many-secrets",
    ("Two secrets are alive", "Hay dos secretos vigentes"),
    (
        "An integration has at most two living secrets. End one before you make another.",
        "Una integración tiene como máximo dos secretos vigentes. Anule uno antes de crear otro.",
    ),
    (
        "Two are enough to change over without a gap; more would be forgotten, and work on.",
        "Dos bastan para cambiar sin interrupción; los demás se olvidarían y seguirían funcionando.",
    ),
    (
        "DELETE /v1/integrations/{id}/secrets/{secret_id} ends one, tokens included.",
        "DELETE /v1/integrations/{id}/secrets/{secret_id} anula uno, y con él sus tokens.",
    ),
    request="POST /v1/integrations/5a7c3f1e-8d2b-4c6a-9e40-1b7f3d5a0000/secrets",
)
_problem(
    409,
    "too-many-sections",
    ("The plan has enough sections", "El plan ya tiene suficientes secciones"),
    (
        "A plan holds at most 100 sections. Take off what is no longer needed before you add more.",
        "Un plan admite como máximo 100 secciones. Quite lo que ya no haga falta antes de agregar más.",
    ),
    (
        "The limit keeps a plan something a person can find her way in.",
        "El límite hace que en el plan se encuentre lo que se busca.",
    ),
    (
        "DELETE /v1/plan-sections/{id} takes a section off the plan.",
        "DELETE /v1/plan-sections/{id} quita una sección del plan.",
    ),
    request=f"POST {_PLAN}/sections",
)
_problem(
    409,
    "use-completion",
    ("Items are ticked elsewhere", "Los elementos se marcan de otro modo"),
    (
        "Whether an item is done is not changed here. Tick it with PUT …/completion, untick it with DELETE.",
        "Aquí no se cambia si un elemento está hecho. Márquelo con PUT …/completion y desmárquelo con DELETE.",
    ),
    (
        "A tick records who did it and when; a plain change of the status would lose that.",
        "Al marcar queda constancia de quién lo hizo y cuándo; un simple cambio de estado la perdería.",
    ),
    (
        "PUT or DELETE /v1/checklist-items/{id}/completion.",
        "Use PUT o DELETE /v1/checklist-items/{id}/completion.",
    ),
    request=f'PATCH {_ITEM}\nIf-Match: "3"\n\n{{"status": "done"}}',
)
_problem(
    409,
    "user-suspended",
    ("This person is suspended", "Esta persona está suspendida"),
    (
        "This person is suspended and cannot sign in, with a new password neither. Let her back in first.",
        "Esta persona está suspendida y no puede entrar, tampoco con otra contraseña. Permítale primero volver.",
    ),
    (
        "A suspension shuts every way in; a new password is none around it.",
        "La suspensión cierra toda entrada; una contraseña nueva no la evita.",
    ),
    (
        "DELETE /v1/users/{id}/suspension, then start the reset again.",
        "DELETE /v1/users/{id}/suspension y después inicie otra vez el cambio de contraseña.",
    ),
    request=f"POST {_USER}/password-reset",
)
_problem(
    409,
    "version-published",
    ("This version is published", "Esta versión está publicada"),
    (
        "A published version never changes, because plans stand on it. Begin a new draft and change that.",
        (
            "Una versión publicada no cambia nunca, porque hay planes que se apoyan en ella. Empiece un borrador nuevo "
            "y cambie ese."
        ),
    ),
    (
        "The version was published before or while you were writing.",
        "La versión se publicó antes o mientras usted escribía.",
    ),
    (
        "POST /v1/templates/{id}/versions begins a draft.",
        "POST /v1/templates/{id}/versions empieza un borrador.",
    ),
    request=f"PUT {_TEMPLATE}/versions/1",
)

# -- 412, 428: which version is meant ----------------------------------------------------------------------------------

_problem(
    409,
    "volunteer-alone",
    ("A volunteer holds no other role", "Una persona voluntaria no tiene otro rol"),
    (
        "The role volunteer cannot be combined with another one.",
        "El rol de persona voluntaria no se combina con otro.",
    ),
    (
        (
            "A volunteer sees an alias and what was given to her. With another role she would see more of the "
            "same people."
        ),
        "Una persona voluntaria ve un alias y lo que se le dio. Con otro rol vería más de las mismas personas.",
    ),
    (
        "Choose the role volunteer alone, or the others without it.",
        "Elija solo ese rol, o los otros sin él.",
    ),
    request=f"PATCH {_USER}",
)
_problem(
    409,
    "wall-over",
    ("This wall is not in that state", "Este muro no está en ese estado"),
    (
        "What was asked for is over, or was never proposed, so nothing was changed.",
        "Lo pedido ya terminó o nunca se propuso; no se cambió nada.",
    ),
    (
        "The proposal was withdrawn, the wall was lifted, or nobody proposed to lift it.",
        "La propuesta se retiró, el muro se levantó, o nadie propuso levantarlo.",
    ),
    (
        "Read the wall again, and propose what is wanted anew.",
        "Lea el muro otra vez y proponga de nuevo lo que quiera.",
    ),
    request=f"PUT {_WALL}/lifting/approval",
)
_problem(
    409,
    "wall-stands",
    ("This wall stands", "Este muro está en pie"),
    (
        "There is no proposal to withdraw: the wall stands. Two people lift it.",
        "No hay propuesta que retirar: el muro está en pie. Lo levantan dos personas.",
    ),
    (
        "Withdrawing is for proposals; a standing wall keeps somebody out.",
        "Se retiran las propuestas; un muro en pie mantiene fuera a alguien.",
    ),
    (
        "Propose to lift it: PUT /v1/walls/{id}/lifting.",
        "Proponga levantarlo: PUT /v1/walls/{id}/lifting.",
    ),
    request=f"DELETE {_WALL}",
)
_problem(
    409,
    "wall-there",
    ("There is such a wall already", "Ya hay un muro así"),
    (
        "A wall between these two is proposed or stands already.",
        "Ya se propuso un muro entre las dos, o ya está en pie.",
    ),
    (
        "Somebody else proposed it before.",
        "Otra persona lo propuso antes.",
    ),
    (
        "Look at GET /v1/walls: it may be waiting for your approval.",
        "Mire GET /v1/walls: puede estar esperando su aprobación.",
    ),
    request="POST /v1/walls",
)
_problem(
    409,
    "staffing-asked",
    (
        "You have asked already",
        "Ya lo solicitó",
    ),
    (
        "A request of yours for this is open already.",
        "Ya hay una solicitud suya abierta para esto.",
    ),
    (
        "One request of a kind and client is open at a time.",
        "Hay una sola solicitud abierta por tipo y caso.",
    ),
    (
        "Wait for the answer, or withdraw it: DELETE /v1/staffing-requests/{id}.",
        "Espere la respuesta o retírela: DELETE /v1/staffing-requests/{id}.",
    ),
    request="POST /v1/cover-requests",
)
_problem(
    409,
    "staffing-request-over",
    (
        "This request is open no longer",
        "Esta solicitud ya no está abierta",
    ),
    (
        "It was answered, withdrawn or has lapsed, or the client is no longer assigned to whoever asked.",
        "Se respondió, se retiró o caducó, o el caso ya no está asignado a quien la hizo.",
    ),
    (
        "A request lapses after 14 days.",
        "Una solicitud caduca a los 14 días.",
    ),
    (
        "Read it again. What is still wanted is asked for anew, or done directly.",
        "Léala de nuevo. Lo que aún se quiera se solicita otra vez o se hace directamente.",
    ),
    request="PUT /v1/staffing-requests/5a4b3c2d-1e0f-4a9b-8c7d-6e5f4a3b2c1d/acceptance",
)
_problem(
    412,
    "stale-version",
    ("This has changed since you read it", "Esto cambió desde que lo leyó"),
    (
        "This was changed after you read it, perhaps by you. Your change was not made: read it again, then decide.",
        (
            "Esto se cambió después de que usted lo leyó, quizás por usted. Su cambio no se hizo: léalo de nuevo y "
            "decida qué sigue valiendo."
        ),
    ),
    (
        (
            "The If-Match header names another version than the present one, or none at all. Without this check one "
            "person's words would silently replace another's."
        ),
        (
            "El encabezado If-Match indica otra versión que la actual, o ninguna. Sin esta comprobación, lo escrito "
            "por una persona reemplazaría sin aviso lo de otra."
        ),
    ),
    (
        (
            "The ETag header of this answer is the present version. GET it, put your change onto it, and send that "
            "version as If-Match."
        ),
        (
            "El encabezado ETag de esta respuesta es la versión actual. Léala con GET, rehaga su cambio y envíe esa "
            "versión en If-Match."
        ),
    ),
    request=f'PATCH {_ITEM}\nIf-Match: "3"\n\n{{"status": "planned"}}',
    errors=(("", "current-version", "Somebody changed this in the meantime. It is now at version 5."),),
)
_problem(
    428,
    "precondition-required",
    ("Say which version you mean", "Indique qué versión quiere cambiar"),
    (
        "This change needs the version it is meant for. Read it first, then send its ETag as If-Match.",
        "Este cambio necesita la versión a la que se refiere. Lea primero y envíe después su ETag en If-Match.",
    ),
    (
        "Two people often work on one plan. With If-Match nobody overwrites what she has not seen.",
        "A menudo dos personas trabajan en el mismo plan. Con If-Match nadie sobrescribe lo que no ha visto.",
    ),
    (
        'Send `If-Match: "<version>"`, the ETag or `version` that GET gave you.',
        'Envíe `If-Match: "<versión>"`, el ETag o la `version` que devolvió GET.',
    ),
    request=f"DELETE {_ITEM}",
)

# -- 413, 415, 421, 422: what was sent breaks a rule -------------------------------------------------------------------

_problem(
    413,
    "body-too-large",
    ("The body is too large", "El cuerpo es demasiado grande"),
    (
        "The body of this request is larger than 1 MiB, so it was not read. Send less at once.",
        "El cuerpo de esta solicitud pasa de 1 MiB y no se leyó. Envíe menos de una vez.",
    ),
    (
        "Bodies are limited to 1 MiB, so that one request cannot hold up the others.",
        "Los cuerpos se limitan a 1 MiB, para que una solicitud no retrase a las demás.",
    ),
    (
        "Split it into several requests, or shorten the longest texts.",
        "Divídalo en varias solicitudes o acorte los textos más largos.",
    ),
    request="POST /v1/templates\nContent-Length: 2097152",
)
_problem(
    415,
    "unsupported-media-type",
    ("This kind of content is not read", "Este tipo de contenido no se lee"),
    (
        "The body is not of a kind this address reads. Send JSON in UTF-8 and say so in Content-Type.",
        "El cuerpo no es de un tipo que esta dirección lea. Envíe JSON en UTF-8 e indíquelo en Content-Type.",
    ),
    (
        "Content-Type is missing or is neither application/json nor, with PATCH, application/merge-patch+json; or "
        "Content-Encoding says that the body is compressed.",
        "Content-Type falta, o no es application/json ni, con PATCH, application/merge-patch+json; o Content-Encoding "
        "dice que el cuerpo está comprimido.",
    ),
    (
        "Set `Content-Type: application/json`.",
        "Ponga `Content-Type: application/json`.",
    ),
    request="POST /v1/sessions\nContent-Type: application/x-www-form-urlencoded",
)
_problem(
    421,
    "host-unknown",
    ("Not the name of this service", "Ese no es el nombre de este servicio"),
    (
        "This service does not answer under the name it was called by. Use the address your agency gave you.",
        "Este servicio no responde con el nombre que se usó. Use la dirección que le dio su organización.",
    ),
    (
        (
            "The Host header is missing, is there twice, or names a host that is not allowed. This keeps other sites "
            "from passing themselves off as this one."
        ),
        (
            "El encabezado Host falta, está repetido o indica un nombre no permitido. Así otros sitios no se hacen "
            "pasar por este."
        ),
    ),
    (
        "Whoever runs Waypost puts a new name into WAYPOST_PUBLIC_URL, or adds it to WAYPOST_ALLOWED_HOSTS.",
        "Quien mantiene Waypost pone el nombre nuevo en WAYPOST_PUBLIC_URL o lo agrega a WAYPOST_ALLOWED_HOSTS.",
    ),
    request="GET /v1/me\nHost: elsewhere.example",
)
_problem(
    422,
    "invalid",
    ("Something needs correcting", "Hay algo que corregir"),
    (
        "Something in this request breaks a rule, so nothing was changed. Correct what is named and send it again.",
        "Algo en esta solicitud incumple una regla y no se cambió nada. Corrija lo que se indica y envíela de nuevo.",
    ),
    (
        "A value is missing, too long, of another kind than expected, or unknown here.",
        "Un valor falta, es demasiado largo, es de otro tipo que el esperado o aquí no se conoce.",
    ),
    (
        "In `errors` each `pointer` is the place, each `message` the rule. Without `errors`, compare with /docs.",
        "En `errors`, cada `pointer` es el lugar y cada `message` la regla. Si no hay `errors`, compare con /docs.",
    ),
    request="POST /v1/clients\nContent-Type: application/json\n\n{}",
    errors=(("", "name-needed", "A client needs an alias or a legal name. One of the two is enough."),),
)
_problem(
    422,
    "idempotency-key-reused",
    ("This key was used for something else", "Esta clave ya se usó para otra cosa"),
    (
        "This Idempotency-Key came earlier with another request. Use a new key for a new request.",
        "Esta Idempotency-Key ya llegó antes con otra solicitud. Use una clave nueva para una solicitud nueva.",
    ),
    (
        "A key stands for one request: same method, same address, same body. It is remembered for at least a day.",
        (
            "Una clave corresponde a una sola solicitud: mismo método, misma dirección, mismo cuerpo. Se recuerda al "
            "menos un día."
        ),
    ),
    (
        "Make a fresh random key, such as a UUID, for every new request and keep it for its repetitions.",
        "Genere una clave nueva al azar, como un UUID, para cada solicitud nueva y consérvela para repetirla.",
    ),
    request="POST /v1/clients\nIdempotency-Key: 7f3a-first-visit",
)

# -- 429: not so fast -------------------------------------------------------------------------------------------------

_problem(
    429,
    "rate-limited",
    ("Too many requests", "Demasiadas solicitudes"),
    (
        "Too many requests came in too short a time, so this one was not looked at. Wait as long as Retry-After says.",
        "Llegaron demasiadas solicitudes en poco tiempo y esta no se atendió. Espere lo que indica Retry-After.",
    ),
    (
        (
            "Each person has a number of requests a minute, and so has each network for whoever is not signed in; for "
            "failed sign-ins the number is small, so that passwords cannot be guessed by trying. `RateLimit-Policy` "
            "names the limit, `RateLimit` says what is left."
        ),
        (
            "Cada persona tiene un número de solicitudes por minuto, y también cada red para quien no ha iniciado "
            "sesión; para los inicios de sesión fallidos el número es pequeño, para que no se adivinen contraseñas a "
            "fuerza de probar. `RateLimit-Policy` nombra el límite y `RateLimit` dice cuánto queda."
        ),
    ),
    (
        (
            "Wait as long as Retry-After says and send it again, a POST or PATCH with the same Idempotency-Key. A "
            "program slows down before `RateLimit` reaches 0. No account is locked by failed sign-ins: after the wait, "
            "or from another network, the right password works."
        ),
        (
            "Espere lo que indica Retry-After y repita; POST o PATCH, con la misma Idempotency-Key. Un programa va más "
            "despacio antes de que `RateLimit` llegue a 0. Ninguna cuenta se bloquea por fallos al iniciar sesión: "
            "después de la espera, o desde otra red, la contraseña correcta funciona."
        ),
    ),
    request="POST /v1/sessions",
    retryable=True,
)

_problem(
    429,
    "too-many-clients",
    ("Too many clients opened in one hour", "Demasiadas personas consultadas en una hora"),
    (
        (
            "You have opened more clients in this hour than one person usually needs, so this one stays closed and "
            "whoever looks after Waypost was told. Those opened already stay open; if your work needs more, tell your "
            "supervisor now."
        ),
        (
            "En esta hora abrió más expedientes de los que suele necesitar una persona: este no se abrió y se avisó a "
            "quien mantiene Waypost. Los ya abiertos siguen disponibles; si necesita más, avise ya a quien supervisa."
        ),
    ),
    (
        (
            "A stolen sign-in is often used to read through every file. So each person may open a number of different "
            "clients in an hour of the clock, and ten times as many in lists; the refusal and an alarm are in the "
            "ledger."
        ),
        (
            "Con un acceso robado se suele leer un expediente tras otro. Por eso cada persona puede abrir un número de "
            "expedientes distintos por hora de reloj, y diez veces más en listas; el rechazo y una alarma quedan en el "
            "registro."
        ),
    ),
    (
        (
            "Wait as long as Retry-After says. If it was not you who opened them, change your password and tell your "
            "agency admin. Whoever runs Waypost can raise `WAYPOST_CLIENTS_AN_HOUR`."
        ),
        (
            "Espere lo que indica Retry-After. Si no fue usted quien los abrió, cambie su contraseña y avise a quien "
            "administra su organización. Quien mantiene Waypost puede subir `WAYPOST_CLIENTS_AN_HOUR`."
        ),
    ),
    request=f"GET {_CLIENT}",
    retryable=True,
)
_problem(
    429,
    "break-glass-spent",
    ("Three break-glass attempts in 24 hours", "Tres intentos de acceso de emergencia en 24 horas"),
    (
        (
            "You have tried three times in 24 hours, found or not. If somebody is in danger now, call your "
            "supervisor or the emergency number; do not wait for this service."
        ),
        (
            "Ya lo intentó tres veces en 24 horas, con o sin resultado. Si alguien corre peligro ahora, llame a "
            "quien supervisa o al número de emergencia; no espere a este servicio."
        ),
    ),
    (
        "Break-glass is for the rare night. A stolen sign-in must not read one file after another with it.",
        (
            "El acceso de emergencia es para la noche excepcional. Con un acceso robado no debe leerse un "
            "expediente tras otro."
        ),
    ),
    (
        "Ask a supervisor to assign the client to you, or wait as long as Retry-After says.",
        "Pida que le asignen el caso, o espere lo que indica Retry-After.",
    ),
    request=f"POST {_CLIENT}/break-glass",
    retryable=True,
)
_problem(
    429,
    "conflict-checks-spent",
    ("Too many conflict checks in 24 hours", "Demasiadas consultas de conflictos en 24 horas"),
    (
        "You have made 20 conflict checks in 24 hours. Ask your supervisor to make this one.",
        "Ya hizo 20 consultas de conflictos en 24 horas. Pida esta a quien supervisa.",
    ),
    (
        "Each answer says a little about who is a client here, so nobody may ask without end.",
        "Cada respuesta dice algo sobre quién es cliente aquí, y nadie puede preguntar sin límite.",
    ),
    (
        "Ask all names of one intake in one check, or wait as long as Retry-After says.",
        "Pregunte en una sola consulta todos los nombres de una admisión, o espere lo que indica Retry-After.",
    ),
    request="POST /v1/conflict-checks",
    retryable=True,
)

_problem(
    429,
    "sign-in-guarded",
    ("Only known devices get in at present", "Por ahora solo entran equipos conocidos"),
    (
        (
            "There were very many failed tries to sign in with this address. Until its owner signs in, only a device "
            "she used before, or a recovery code, is let in."
        ),
        (
            "Hubo muchísimos intentos fallidos de entrar con esta dirección. Hasta que entre quien la usa, solo se "
            "admite un equipo que ya usó o un código de recuperación."
        ),
    ),
    (
        "Somebody is guessing the password, from many places. The answer is the same for addresses that nobody has.",
        "Alguien está adivinando la contraseña desde muchos lugares. Es igual para direcciones que nadie tiene.",
    ),
    (
        (
            "Sign in where you signed in before, so that `device_token` is sent; or send a `recovery_code`; or ask "
            "whoever runs Waypost for a one-time password, which also ends this."
        ),
        (
            "Entre desde donde ya entró antes, para que se envíe `device_token`; o envíe un `recovery_code`; o pida a "
            "quien mantiene Waypost una contraseña de un solo uso, que también termina con esto."
        ),
    ),
    request="POST /v1/sessions",
    retryable=True,
)

# -- 5xx: the service's own trouble ------------------------------------------------------------------------------------
# No promise here that nothing was kept: a connection may break between a commit and the news of it.

_problem(
    500,
    "internal-error",
    ("Something went wrong here", "Algo falló aquí"),
    (
        (
            "Something went wrong on our side, not yours. Check whether your change is there before you repeat it; if "
            "a person is in danger now, do not wait for this service."
        ),
        (
            "Algo falló de nuestro lado, no del suyo. Compruebe si su cambio quedó hecho antes de repetirlo; si "
            "alguien corre peligro ahora, no espere a este servicio."
        ),
    ),
    (
        "A fault in the program. What it was about has been kept out of the log; only its place was written down.",
        "Un fallo del programa. En el registro no consta de qué trataba, solo en qué lugar ocurrió.",
    ),
    (
        (
            "Give the request id to whoever runs Waypost: it leads to the entry in the log. Until then work from paper "
            "or by telephone."
        ),
        (
            "Dé el request_id a quien mantiene Waypost: lleva a la entrada del registro. Mientras tanto, trabaje en "
            "papel o por teléfono."
        ),
    ),
    request="GET /v1/caseload",
)
_problem(
    500,
    "sealed-data-damaged",
    ("Something stored cannot be opened", "Algo guardado no se puede abrir"),
    (
        (
            "Something stored here cannot be opened, so nothing is shown in its place. Tell whoever runs Waypost, with "
            "the request id, and work from paper or by telephone meanwhile."
        ),
        (
            "Algo guardado aquí no se puede abrir y no se muestra nada en su lugar. Avise con el request_id a quien "
            "mantiene Waypost y, mientras tanto, trabaje en papel o por teléfono."
        ),
    ),
    (
        (
            "A protected value does not fit its place or its key: the stored data were damaged, moved or edited, or an "
            "older copy was put back."
        ),
        (
            "Un valor protegido no encaja con su lugar o con su clave: los datos guardados se dañaron, se movieron o "
            "se alteraron, o se repuso una copia anterior."
        ),
    ),
    (
        (
            "Trying again does not help. Whoever runs Waypost checks disk and backups, and treats it as a possible "
            "break-in until it is explained."
        ),
        (
            "Repetir no ayuda. Quien mantiene Waypost revisa el disco y las copias de seguridad, y lo trata como una "
            "posible intrusión hasta que se explique."
        ),
    ),
    request=f"GET {_PLAN}",
)
_problem(
    501,
    "sso-not-installed",
    ("Single sign-on is not installed", "El inicio de sesión único no está instalado"),
    (
        "This installation lacks the library for single sign-on. On the machine: make extra WITH=sso, then"
        " start it again.",
        "A esta instalación le falta la biblioteca del inicio de sesión único. En la máquina: make extra "
        "WITH=sso, y reiníciela.",
    ),
    (
        "The library is an extra: who does not need it does not carry it.",
        "La biblioteca es un extra: quien no la necesita no la lleva.",
    ),
    ("make extra WITH=sso installs it.", "make extra WITH=sso la instala."),
    request="POST /v1/sso/authorization",
)
_problem(
    503,
    "database-unavailable",
    ("The records cannot be reached", "No se puede llegar a los registros"),
    (
        (
            "The records cannot be reached at the moment. Try again shortly; if a person needs the plan now, work from "
            "paper or by telephone."
        ),
        (
            "Por el momento no se puede llegar a los registros. Inténtelo de nuevo en breve; si alguien necesita el "
            "plan ahora, trabaje en papel o por teléfono."
        ),
    ),
    (
        "The database is down, restarting, or out of connections.",
        "La base de datos está parada, reiniciándose o sin conexiones libres.",
    ),
    (
        (
            "Wait as long as Retry-After says. Repeat a POST or PATCH with the same Idempotency-Key, so that it is not "
            "done twice. If it lasts, tell whoever runs Waypost."
        ),
        (
            "Espere lo que indica Retry-After. Repita POST o PATCH con la misma Idempotency-Key para que no se haga "
            "dos veces. Si dura, avise a quien mantiene Waypost."
        ),
    ),
    request="GET /v1/caseload",
    retryable=True,
)
_problem(
    503,
    "database-busy",
    ("The records are busy", "Los registros están ocupados"),
    (
        "The records are busy just now. Try again in a moment.",
        "Los registros están ocupados en este momento. Inténtelo de nuevo en un instante.",
    ),
    (
        "Something else, such as a backup or a long change, holds the database for longer than a request waits.",
        (
            "Otra tarea, como una copia de seguridad o un cambio largo, ocupa la base de datos más de lo que espera "
            "una solicitud."
        ),
    ),
    (
        "Wait as long as Retry-After says and send it again, a POST or PATCH with the same Idempotency-Key.",
        "Espere lo que indica Retry-After y repita; POST o PATCH, con la misma Idempotency-Key.",
    ),
    request=f"PUT {_ITEM}/completion",
    retryable=True,
)
_problem(
    503,
    "overloaded",
    ("Too much at once", "Demasiado a la vez"),
    (
        "More requests came in than can be worked on, and this one was turned away. Try again in a moment.",
        "Llegaron más solicitudes de las que se pueden atender y esta quedó fuera. Inténtelo de nuevo en un instante.",
    ),
    (
        "A bounded number of requests may wait, so that those who wait get their answer in time.",
        "Solo puede esperar un número limitado de solicitudes, para que las que esperan reciban respuesta a tiempo.",
    ),
    (
        "Wait as long as Retry-After says. Programs should wait longer after each failure.",
        "Espere lo que indica Retry-After. Un programa debería esperar más después de cada fallo.",
    ),
    request="POST /v1/sessions",
    retryable=True,
)
_problem(
    503,
    "keys-unavailable",
    ("The keys cannot be reached", "No se puede llegar a las claves"),
    (
        (
            "The keys that protect the records cannot be used at the moment, so nothing can be opened. Try again "
            "later, and tell whoever runs Waypost."
        ),
        (
            "Las claves que protegen los registros no se pueden usar por el momento y no se puede abrir nada. "
            "Inténtelo más tarde y avise a quien mantiene Waypost."
        ),
    ),
    (
        (
            "A key or key file is missing, does not fit, or can be read by others and is therefore refused; or the "
            "service that holds the keys does not answer."
        ),
        (
            "Una clave o un archivo de claves falta, no encaja o lo pueden leer otras personas y por eso se rechaza; o "
            "el servicio que guarda las claves no responde."
        ),
    ),
    (
        "Whoever runs Waypost runs doctor, which names the cause. Until then work from paper or by telephone.",
        "Quien mantiene Waypost ejecuta doctor, que nombra la causa. Hasta entonces, trabaje en papel o por teléfono.",
    ),
    request=f"GET {_PLAN}",
    retryable=True,
)
_problem(
    503,
    "provider-unavailable",
    ("The identity provider does not answer", "El proveedor de identidad no responde"),
    (
        "The identity provider was not reached, or says something of itself that cannot be right. Try "
        "again in a moment.",
        "No se pudo contactar al proveedor de identidad, o lo que dice de sí mismo no puede ser. Vuelva a "
        "intentarlo en un momento.",
    ),
    (
        "Its address is wrong, it is down, or its metadata name another issuer.",
        "Su dirección es incorrecta, está caído o sus metadatos nombran otro emisor.",
    ),
    (
        "Compare the issuer in GET /v1/sso/provider with the provider's own metadata, letter by letter.",
        "Compare el emisor en GET /v1/sso/provider con los metadatos del proveedor, letra por letra.",
    ),
    request="POST /v1/sso/authorization",
    retryable=True,
)
_problem(
    507,
    "storage-full",
    ("There is no room left", "No queda espacio"),
    (
        (
            "The disk is full, so nothing new can be kept; write it down elsewhere, where it is safe. Tell whoever "
            "runs Waypost, and try again once there is room."
        ),
        (
            "El disco está lleno y no se puede guardar nada nuevo; anótelo en otro lugar que sea seguro. Avise a quien "
            "mantiene Waypost e inténtelo de nuevo cuando haya espacio."
        ),
    ),
    (
        "The disk under the database has no room left, or its quota is used up.",
        "El disco de la base de datos no tiene más espacio o agotó su cuota.",
    ),
    (
        (
            "Whoever runs Waypost makes the disk larger or moves other files away, never the database's own. A backup "
            "may be under a legal hold: copy it elsewhere before it is deleted."
        ),
        (
            "Quien mantiene Waypost amplía el disco o mueve otros archivos, nunca los de la base de datos. Una copia "
            "de seguridad puede estar bajo retención legal: póngala en otro lugar antes de borrarla."
        ),
    ),
    request="POST /v1/clients",
    retryable=True,
)
