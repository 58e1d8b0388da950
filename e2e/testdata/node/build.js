// Stands for a bundler: writes what the page shows.
const fs = require("fs");
fs.mkdirSync("dist", { recursive: true });
fs.writeFileSync("dist/title.txt", fs.readFileSync("title.txt", "utf8").trim().toUpperCase());
