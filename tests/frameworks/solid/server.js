export { render } from "./server.jsx";
