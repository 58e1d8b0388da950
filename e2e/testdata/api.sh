#!/bin/bash
# api.sh [CURL-OPTIONS…] PATH: asks the server with the administrator's token.
exec curl -s -H "Authorization: Bearer $(cat "$OFFSHOOT_DATA_DIR/admin-token")" "${@:1:$#-1}" "$OFFSHOOT_SERVER${*: -1}"
