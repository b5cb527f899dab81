"""What a notice says, in English and Spanish: one line that names nobody."""

from models.notice import NoticeKind

N = NoticeKind
TITLES: dict[NoticeKind, dict[str, str]] = {
    N.APPROVAL_ASKED: {
        "en": "Something waits for a second person: until somebody else agrees, it does not count. Look at what it is.",
        "es": "Algo espera a una segunda persona: hasta que alguien más lo apruebe, no vale. Mire qué es.",
    },
    N.BREAK_GLASS_OPENED: {
        "en": "Somebody opened one of your clients' records with break-glass. Look at who and why now.",
        "es": "Alguien abrió con acceso de emergencia un expediente que le concierne. Mire ahora quién y por qué.",
    },
    N.BREAK_GLASS_REVIEWED: {
        "en": "A break-glass of yours was reviewed.",
        "es": "Se revisó un acceso de emergencia suyo.",
    },
    N.BREAK_GLASS_TO_REVIEW: {
        "en": "A break-glass waits for its review, and its last day is near. Look at who, why and what was read.",
        "es": "Un acceso de emergencia espera su revisión y el plazo está por terminar. Mire quién, por qué y qué se "
        "leyó.",
    },
    N.CLIENT_GIVEN: {
        "en": "You were given work with somebody, or with several. Your caseload shows whom.",
        "es": "Le asignaron trabajo con una persona o con varias. Su lista muestra con quién.",
    },
    N.CONFLICT_CHECK_REFERRED: {
        "en": "A conflict check at intake matched a client you may see. Whoever asked was told to speak to a "
        "supervisor.",
        "es": "Una consulta de conflictos coincidió con un expediente que usted puede ver. Se indicó a quien preguntó "
        "que hable con quien supervisa.",
    },
    N.COVER_BEGAN: {
        "en": "A cover you are part of has begun. Look at who, and until when.",
        "es": "Empezó una suplencia en la que usted participa. Mire quién y hasta cuándo.",
    },
    N.COVER_ENDED: {
        "en": "A cover you are part of is over, or was called off.",
        "es": "Terminó, o se canceló, una suplencia en la que usted participa.",
    },
    N.FACTOR_CONFIRMED: {
        "en": "A second factor was set up for your sign-in. If that was not you, tell an admin now.",
        "es": "Se configuró un segundo factor para su acceso. Si no fue usted, avise ahora a quien administra.",
    },
    N.FACTOR_REMOVED: {
        "en": "The second factor of your sign-in was removed. If that was not you, tell an admin now.",
        "es": "Se quitó el segundo factor de su acceso. Si no fue usted, avise ahora a quien administra.",
    },
    N.FACTOR_RESET: {
        "en": "Your second factor was reset and you were signed out everywhere. If you did not ask for it, tell "
        "another admin now.",
        "es": "Se restableció su segundo factor y se cerraron todas sus sesiones. Si no lo pidió, avise ahora a otra "
        "persona que administre.",
    },
    N.FACTOR_RESET_STARTED: {
        "en": "An admin started a reset of your second factor. If you did not ask for it, stop it, and tell another "
        "admin.",
        "es": "Quien administra inició el restablecimiento de su segundo factor. Si no lo pidió, deténgalo y avise a "
        "otra persona que administre.",
    },
    N.IDENTITY_LINKED: {
        "en": "An account at your organization's identity provider was linked: whoever has it signs in as you. If "
        "that was not you, unlink it and tell an admin now.",
        "es": "Se vinculó una cuenta del proveedor de identidad de su organización: quien la tenga entra como usted. "
        "Si no fue usted, desvincúlela y avise ahora a quien administra.",
    },
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
        "en": "Your password was set anew with a reset link, and you were signed out everywhere. If that was not you, "
        "tell an admin now.",
        "es": "Su contraseña se cambió con un enlace de restablecimiento y se cerraron todas sus sesiones. Si no fue "
        "usted, avise ahora a quien administra.",
    },
    N.PASSWORD_RESET_STARTED: {
        "en": "An admin started a password reset for you. If you did not ask for it, tell another admin now.",
        "es": "Quien administra inició un cambio de su contraseña. Si usted no lo pidió, avise ahora a otra persona "
        "que administre.",
    },
    N.RECOVERY_CODES_MADE: {
        "en": "New recovery codes were made for your sign-in; the old ones work no more. If that was not you, make "
        "others and tell an admin now.",
        "es": "Se crearon códigos de recuperación nuevos para su acceso; los anteriores ya no sirven. Si no fue "
        "usted, cree otros y avise ahora a quien administra.",
    },
    N.RECOVERY_CODE_USED: {
        "en": "Somebody signed in as you with a recovery code. If that was not you, tell an admin now.",
        "es": "Alguien entró en su cuenta con un código de recuperación. Si no fue usted, avise ahora a quien "
        "administra.",
    },
    N.SECOND_FACTOR_WRONG: {
        "en": "Somebody gave your password, or used a session of yours, and then gave a wrong code, several times. If "
        "that was not you, change your password now and tell an admin.",
        "es": "Alguien dio su contraseña, o usó una sesión suya, y luego dio un código incorrecto, varias veces. Si no "
        "fue usted, cambie ahora su contraseña y avise a quien administra.",
    },
    N.SECTION_GIVEN: {
        "en": "You were given steps to help with.",
        "es": "Le asignaron pasos en los que ayudar.",
    },
    N.SESSION_STOLEN: {
        "en": "A sign-in of yours was ended because an old token of it was used again: somebody may have copied it. "
        "Sign in anew, and change your password if you do not know why.",
        "es": "Se cerró una de sus sesiones porque se usó otra vez una clave vieja de ella: alguien pudo haberla "
        "copiado. Entre de nuevo y, si no sabe por qué ocurrió, cambie su contraseña.",
    },
    N.SIGN_IN_GUARDED: {
        "en": "There were very many failed tries to sign in as you. Until you sign in, only devices you used before "
        "and recovery codes are let in. If you did not try yourself, change your password.",
        "es": "Hubo muchísimos intentos fallidos de entrar en su cuenta. Hasta que usted entre, solo se admiten "
        "equipos que ya usó y códigos de recuperación. Si no fue usted, cambie su contraseña.",
    },
    N.SIGN_IN_NEW_DEVICE: {
        "en": "Somebody signed in as you from a device that was not used before. If that was not you, end that "
        "session, change your password and tell an admin now.",
        "es": "Alguien entró en su cuenta desde un equipo que no se había usado antes. Si no fue usted, cierre esa "
        "sesión, cambie su contraseña y avise ahora a quien administra.",
    },
    N.STAFFING_ANSWERED: {
        "en": "A request of yours for a handover or a cover was answered.",
        "es": "Se respondió una solicitud suya de traspaso o de suplencia.",
    },
    N.STAFFING_ASKED: {
        "en": "A colleague asks for a handover or a cover. Look at what she asks for, and answer.",
        "es": "Una colega solicita un traspaso o una suplencia. Mire qué solicita y responda.",
    },
}


def title(kind: NoticeKind, language: str) -> str:
    """The line for a kind, in `en` or `es`."""
    return TITLES[kind][language]
