import "../react/client.jsx";
