# Read, not run, by the image's entrypoint, whose psql it uses: the first database
# has the extension.
export PGUSER="$POSTGRES_USER"
"${psql[@]}" --dbname="$POSTGRES_DB" --command='CREATE EXTENSION postgis'
