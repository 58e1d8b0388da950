require "counter"
require "socket"

server = TCPServer.new("0.0.0.0", Integer(ENV.fetch("PORT")))
loop do
  client = server.accept
  nil until (client.gets || "\r\n") == "\r\n"
  body = "words: #{Counter.count("one two three")} at #{__dir__} in #{ENV.fetch("HOME")}\n"
  client.write "HTTP/1.1 200 OK\r\nContent-Length: #{body.bytesize}\r\nConnection: close\r\n\r\n#{body}"
  client.close
end
