from flask import Flask
from flask.cli import FlaskGroup

from store import ask
from tasks import finish

app = Flask(__name__)
ask("create table if not exists note (id serial primary key, done boolean not null default false)")
ask("create table if not exists tick (at timestamptz not null default now())")


@app.route("/")
def index():
    notes, done = ask("select count(*), count(*) filter (where done) from note")
    with open("title.txt") as title:
        return f"notes: {notes} {title.read()}done: {done}"


@app.route("/notes", methods=["POST"])
def add():
    (note,) = ask("insert into note default values returning id")
    finish.delay(note)
    return "kept"


@app.route("/ticks")
def ticks():
    return "ticked" if ask("select count(*) from tick")[0] else "still"


if __name__ == "__main__":
    FlaskGroup(create_app=lambda: app)()
