-- Builds and walks binary trees of tables, and keeps strings beside them.
local function tree(depth)
    if depth == 0 then
        return {}
    end
    return { tree(depth - 1), tree(depth - 1) }
end

local function count(node)
    if not node[1] then
        return 1
    end
    return 1 + count(node[1]) + count(node[2])
end

local kept, total = tree(15), 0
for round = 1, 160 do
    total = total + count(tree(13))
    local lines = {}
    for i = 1, 4000 do
        lines[i] = ("line %d of round %d"):format(i, round):rep(1 + i % 5)
    end
    total = total + #table.concat(lines, "\n")
end
print("trees", total > 0 and count(kept))
