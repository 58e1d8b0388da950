Gem::Specification.new do |s|
  s.name, s.version, s.summary, s.authors = "counter", "1.0", "counts", ["a"]
  s.files = ["lib/counter.rb"]
end
