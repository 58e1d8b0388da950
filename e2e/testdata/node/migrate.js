const { Client } = require("pg");

async function main() {
  const db = new Client({ connectionString: process.env.DATABASE_URL });
  await db.connect();
  await db.query("create table if not exists entry (id serial primary key, text text not null)");
  await db.end();
  console.log("migrated");
}

main();
