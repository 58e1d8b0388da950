create table note (id int auto_increment primary key, text varchar(100));
