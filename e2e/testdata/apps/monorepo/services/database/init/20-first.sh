#!/bin/bash
set -e
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<-SQL
	create table setting (name text primary key, value text);
	insert into setting values ('made', 'by the init scripts');
SQL
