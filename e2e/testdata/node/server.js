const fs = require("fs");
const http = require("http");
const os = require("os");
const { Pool } = require("pg");

// As many projects do: no URL, the parts one by one.
const db = new Pool({
  host: process.env.DB_HOST,
  port: process.env.DB_PORT || 5432,
  user: process.env.DB_USER,
  password: process.env.DB_PASSWORD,
  database: process.env.DB_NAME,
});
const title = fs.readFileSync("dist/title.txt", "utf8");

http
  .createServer(async (req, res) => {
    try {
      if (req.method === "POST") await db.query("insert into entry (text) values ($1)", [req.url]);
      const { rows } = await db.query("select count(*) from entry");
      res.end(`${title} entries: ${rows[0].count} as ${os.userInfo().username} in ${process.cwd()}\n`);
    } catch (err) {
      res.statusCode = 500;
      res.end(`${err.message}\n`);
    }
  })
  .listen(process.env.PORT || 3000);
