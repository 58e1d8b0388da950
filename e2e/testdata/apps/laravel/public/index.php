<?php

require __DIR__ . '/../database/notes.php';

if ($_SERVER['REQUEST_URI'] === '/notes') {
    $database = database();
    $database->exec("insert into notes (text) values ('a note')");
    jobs()->rPush('jobs', $database->lastInsertId());
    echo 'kept';
    return;
}
$counts = database()->query('select count(*), coalesce(sum(done), 0) from notes')->fetch();
echo "notes: $counts[0] " . file_get_contents(__DIR__ . '/../title.txt') . "done: $counts[1]";
