export { render } from "../react/server.jsx";
