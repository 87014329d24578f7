import { renderToString } from "solid-js/web";
import { Chat } from "./Chat.jsx";

export const render = (props) => renderToString(() => <Chat {...props} />);
