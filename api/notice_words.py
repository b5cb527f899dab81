"""What a notice says, in English and Spanish: one line that names nobody."""

from models.notice import NoticeKind

N = NoticeKind
TITLES: dict[NoticeKind, dict[str, str]] = {
    N.INVITATION_ACCEPTED: {
        "en": "Somebody you invited has accepted.",
        "es": "Una persona que usted invitó ha aceptado.",
    },
    N.INVITATION_UNSENT: {
        "en": "An invitation could not be sent: the mail server does not take its address. Check it and invite again.",
        "es": "No se envió una invitación: el servidor de correo no acepta la dirección. Revísela e invite de nuevo.",
    },
    N.PASSWORD_CHANGED: {
        "en": "Your password was changed. If that was not you, tell an admin now.",
        "es": "Se cambió su contraseña. Si no fue usted, avise ahora a quien administra.",
    },
    N.PASSWORD_RESET: {
        "en": "Your password was set anew with a reset link, and you were signed out everywhere. "
        "If that was not you, tell an admin now.",
        "es": "Su contraseña se cambió con un enlace de restablecimiento y se cerraron todas sus sesiones. "
        "Si no fue usted, avise ahora a quien administra.",
    },
    N.PASSWORD_RESET_STARTED: {
        "en": "An admin started a password reset for you. If you did not ask for it, tell another admin now.",
        "es": "Quien administra inició un cambio de su contraseña. Si usted no lo pidió, avise ahora a otra persona "
        "que administre.",
    },
}


def title(kind: NoticeKind, language: str) -> str:
    """The line for a kind, in `en` or `es`."""
    return TITLES[kind][language]
