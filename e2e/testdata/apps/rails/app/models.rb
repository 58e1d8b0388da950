require "active_record"
require "redis"

ActiveRecord::Base.establish_connection(ENV.fetch("DATABASE_URL"))

class Note < ActiveRecord::Base
end

JOBS = Redis.new(url: ENV.fetch("REDIS_URL"))
