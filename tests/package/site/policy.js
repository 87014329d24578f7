import { hello } from "./hello.js";

window.result = await hello(new URL(location.href).searchParams.get("list"));
