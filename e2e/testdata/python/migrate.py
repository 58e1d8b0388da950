from database import connect

db = connect()
db.cursor().execute("create table if not exists job (id serial primary key, name text not null, done timestamptz)")
db.commit()
print("migrated")
