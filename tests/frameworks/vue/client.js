import { createApp, createSSRApp, h, shallowReactive } from "vue";
import Chat from "./Chat.vue";

const props = shallowReactive({});
let app;
const page = { render: () => h(Chat, props) };
window.fixture = {
  mount(given) {
    Object.assign(props, given);
    app = createApp(page);
    app.mount("#app");
  },
  hydrate(html, given) {
    document.querySelector("#app").innerHTML = html;
    Object.assign(props, given);
    app = createSSRApp(page);
    app.mount("#app");
  },
  update: (given) => Object.assign(props, given),
  unmount: () => app.unmount(),
};
