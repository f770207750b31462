# A daemon kills each new Python.
#
# Scores: crashed
cat > killer.sh <<'END'
while :; do
    for process in /proc/[0-9]*; do
        case "$(tr '\0' ' ' < "$process/cmdline")" in python*) kill -9 "${process#/proc/}" ;; esac
    done
done
END
setsid nohup bash killer.sh > /dev/null 2>&1 &
