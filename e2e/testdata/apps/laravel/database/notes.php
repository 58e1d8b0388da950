<?php

function database(): PDO
{
    $dsn = sprintf('mysql:host=%s;port=%s;dbname=%s', getenv('DB_HOST'), getenv('DB_PORT'), getenv('DB_DATABASE'));
    return new PDO($dsn, getenv('DB_USERNAME'), getenv('DB_PASSWORD'));
}

function jobs(): Redis
{
    $redis = new Redis();
    $redis->connect(getenv('REDIS_HOST'), (int) getenv('REDIS_PORT'));
    return $redis;
}
