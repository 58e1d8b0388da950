# Counts words.
module Counter
  def self.count(text) = text.split.size
end
