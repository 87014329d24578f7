import "./client.jsx";
