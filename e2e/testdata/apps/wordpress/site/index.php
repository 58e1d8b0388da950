<?php
// Installs itself on the first request, keeps what is posted with a file beside it.
[$host, $port] = explode(':', getenv('WORDPRESS_DB_HOST'));
$database = new PDO("mysql:host=$host;port=$port;dbname=" . getenv('WORDPRESS_DB_NAME'), getenv('WORDPRESS_DB_USER'), getenv('WORDPRESS_DB_PASSWORD'));
$database->exec('create table if not exists wp_posts (id bigint unsigned auto_increment primary key, post_title text) engine=InnoDB');
$uploads = __DIR__ . '/wp-content/uploads';

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $database->exec("insert into wp_posts (post_title) values ('a note')");
    file_put_contents($uploads . '/' . $database->lastInsertId(), 'a picture');
    echo 'kept';
    return;
}
$posts = $database->query('select count(*) from wp_posts')->fetchColumn();
echo "notes: $posts " . file_get_contents(__DIR__ . '/wp-content/themes/notes/title.txt') . 'files: ' . count(glob($uploads . '/*'));
