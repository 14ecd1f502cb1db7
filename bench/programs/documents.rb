# Makes nested documents of hashes, arrays and strings, and prints and parses
# them in a small format of its own.
def document(depth, seed)
  return "text #{seed} " * (1 + seed % 6) if depth.zero?

  (0...5).to_h do |i|
    ["key#{seed % 89 + i}", document(depth - 1, seed * 5 + i)]
  end
end

def write(value, out)
  return out << value.dump unless value.is_a?(Hash)

  out << '{'
  value.each { |key, inner| write(inner, out << key << '=') << ';' }
  out << '}'
end

def leaves(value)
  value.is_a?(Hash) ? value.values.flat_map { |inner| leaves(inner) } : [value]
end

total = 0
10.times do |round|
  made = document(6, round + 1)
  text = write(made, +'')
  parts = text.scan(/"[^"]*"/).map(&:undump)
  abort 'a document was lost' unless parts == leaves(made)
  total += parts.uniq.size
end
puts "documents #{total.positive?}"
