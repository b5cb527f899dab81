// The words of the pages behind a link to one person: /welcome, where she comes in, and /reset, for a new password.
import { openForm } from "./form.js";

const SPANISH = {
  welcome_page: "Bienvenida",
  welcome_heading: "Elija su contraseña para entrar",
  welcome_intro:
    "Alguien de su trabajo le abrió una cuenta. El enlace sirve una sola vez, durante 72 horas. Si recarga esta página, abra " +
    "el enlace de nuevo.",
  welcome_next:
    "La primera vez configurará un segundo factor: tenga lista en el teléfono una aplicación de autenticación. Mejor en un " +
    "teléfono del trabajo que en uno que revise otra persona.",
  reset_page: "Contraseña nueva",
  reset_heading: "Elija una contraseña nueva",
  reset_intro:
    "El enlace sirve una sola vez, durante 30 minutos. Después se cierran todas sus sesiones. Si recarga esta página, abra el " +
    "enlace de nuevo.",
  reset_next: "Se pide su segundo factor como siempre.",
  no_token: "Esta página se abre con el enlace que usted recibió. Ábralo de nuevo o pida otro.",
  password_hint:
    "De 15 a 256 caracteres. Varias palabras seguidas son fáciles de recordar. No puede ser una contraseña robada ya " +
    "conocida ni estar hecha de su nombre o del de su trabajo.",
  send: "Guardar",
  done: "Listo. Ahora inicie sesión con su correo y su contraseña.",
  link_used: "El enlace ya cumplió su función y no abre nada más. Puede cerrar esta página.",
};

// What only the script says.
const SAID = {
  en: {
    link: "The link is not whole. Open it again exactly as you received it.",
    working: "Saving …",
    lost:
      "No answer came, so it is not certain whether it worked. Send the form once more; if the link is then refused, try to " +
      "sign in with the new password.",
    unexpected: "The service gave an answer this page does not understand. Tell whoever sent you the link.",
  },
  es: {
    link: "El enlace no está completo. Ábralo de nuevo tal como lo recibió.",
    working: "Guardando…",
    lost:
      "No llegó respuesta y no es seguro que haya funcionado. Envíe el formulario otra vez; si entonces se rechaza el enlace, " +
      "pruebe a iniciar sesión con la contraseña nueva.",
    unexpected: "El servicio dio una respuesta que esta página no entiende. Avise a quien le envió el enlace.",
  },
};

openForm(SPANISH, SAID);
