const http = require('http');
const { Pool } = require('pg');

const pool = new Pool({ connectionString: process.env.DATABASE_URL });
pool.on('error', () => {});

http.createServer(async (request, response) => {
  try {
    if (request.method === 'POST') {
      await pool.query('insert into note (text) values ($1)', [request.url]);
    }
    const notes = await pool.query("select count(*) from note where text = '/notes'");
    const nightly = await pool.query("select count(*) > 0 as ran from note where text = '/nightly'");
    const made = await pool.query("select value from setting where name = 'made'");
    response.end(`notes: ${notes.rows[0].count} TITLE\nmade ${made.rows[0].value}\nnightly ${nightly.rows[0].ran}`);
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
}).listen(4000);
