import os

import redis

from database import connect

queue = redis.Redis.from_url(os.environ["REDIS_URL"])
db = connect()
print("waiting for jobs", flush=True)
while True:
    job = queue.blpop(["jobs"], timeout=5)
    if job:
        db.cursor().execute("insert into job (name, done) values (%s, now())", (job[1].decode(),))
        db.commit()
        print("did", job[1].decode(), flush=True)
