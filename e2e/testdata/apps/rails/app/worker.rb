require_relative "models"

$stdout.sync = true
puts "takes #{ENV.fetch("QUEUES")}"
loop do
  _, id = JOBS.blpop("jobs", timeout: 5)
  next unless id
  File.write("/rails/storage/#{id}", Note.find(id).text)
  puts "did note #{id}"
end
