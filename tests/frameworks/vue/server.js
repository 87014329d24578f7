import { createSSRApp } from "vue";
import { renderToString } from "vue/server-renderer";
import Chat from "./Chat.vue";

export const render = (props) => renderToString(createSSRApp(Chat, props));
