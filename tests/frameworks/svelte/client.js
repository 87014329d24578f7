import "./client.svelte.js";
