const fs = require('fs');
const http = require('http');
const net = require('net');
const { Pool } = require('pg');

const pool = new Pool({
  host: process.env.DB_HOST,
  user: process.env.DB_USER,
  password: fs.readFileSync(process.env.DB_PASSWORD_FILE, 'utf8').trim(),
  database: process.env.DB_NAME,
});

// count adds one to a number that Redis keeps.
function count() {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(process.env.REDIS_URL);
    const socket = net.connect(Number(port) || 6379, hostname, () => socket.write('INCR visits\r\n'));
    socket.once('data', (data) => { socket.end(); resolve(data.toString().trim().slice(1)); });
    socket.once('error', reject);
  });
}

const routes = {
  'GET /up': async () => 'ok',
  'GET /': async () => {
    const { rows } = await pool.query('select count(*) from notes');
    const title = fs.readFileSync('config/title.txt', 'utf8').trim();
    return `notes: ${rows[0].count} ${title}\nvisit ${await count()}`;
  },
  'POST /notes': async () => {
    await pool.query("insert into notes (text) values ('a note')");
    return 'kept';
  },
};

async function main() {
  await pool.query('create table if not exists notes (id serial primary key, text text)');
  http.createServer(async (request, response) => {
    const route = routes[`${request.method} ${request.url}`];
    try {
      response.statusCode = route ? 200 : 404;
      response.end(route ? await route() : 'no such page');
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error));
    }
  }).listen(process.env.PORT, () => console.log(`listens on ${process.env.PORT}`));
}

main();
