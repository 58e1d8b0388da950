#!/bin/sh
set -e
case "$1" in php-fpm) php artisan migrate --force ;; esac
exec "$@"
