from database import connect

db = connect()
db.cursor().execute("create table if not exists visit (at timestamptz default now())")
db.commit()
