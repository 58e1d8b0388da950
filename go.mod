module offshoot

go 1.26
