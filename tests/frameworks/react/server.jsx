import { renderToString } from "react-dom/server";
import { Chat } from "./Chat.jsx";

export const render = (props) => renderToString(<Chat {...props} />);
