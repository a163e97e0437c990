# Outlives its parent by a moment. Reads lines of "PID:SIGNAL ..." of which the last one counts, and when
# the pipe closes, because the parent is gone however it went, ends those and removes the folder $1.
held=
while read -r line; do held=$line; done

still_there() { # one that has ended but wasn't waited for doesn't count
    for one in $held; do
        if grep -q '^State:[[:space:]]*[^XZ[:space:]]' "/proc/${one%:*}/status"; then return 0; fi
    done
    return 1
}

for one in $held; do
    kill -s "${one#*:}" "${one%:*}"
    kill -s CONT "${one%:*}" # what is stopped takes no signal but KILL
done
looks=0
while still_there && [ $looks -lt 50 ]; do
    sleep 0.1
    looks=$((looks + 1))
done
for one in $held; do kill -s KILL "${one%:*}"; done
rm -rf "$1"
