import { render as renderComponent } from "svelte/server";
import Chat from "./Chat.svelte";

export const render = (props) => renderComponent(Chat, { props }).body;
