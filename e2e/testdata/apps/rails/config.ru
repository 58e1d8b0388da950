require "sinatra/base"
require_relative "app/models"

class Blog < Sinatra::Base
  set :host_authorization, permitted_hosts: []
  get("/up") { "ok" }
  get("/") { "notes: #{Note.count} #{File.read("title.txt")}" }
  post "/notes" do
    note = Note.create!(text: "a note")
    JOBS.rpush("jobs", note.id)
    "kept"
  end
  get("/done") { "done: #{Dir.children("/rails/storage").size}" }
end

run Blog
